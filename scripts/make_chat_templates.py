"""Makes Tests/LlamaTests/chat_templates.json: chat templates as model files have them, and what Jinja2 makes of conversations.

    python scripts/make_chat_templates.py        (jinja2)

Jinja2 runs as transformers runs it: blocks are trimmed, and `raise_exception` refuses. The programs are those of the first models of each
format, with the spellings that occur; the last ones have to be refused, for they do more than their relatives.
"""

import json
import pathlib

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

TARGET = pathlib.Path(__file__).resolve().parent.parent / "Tests/LlamaTests/chat_templates.json"

TURNS = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
)
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
ZEPHYR = (
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'system' %}\n{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
    "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n{% endif %}\n"
    "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
)
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}" + TURNS +
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)  # fmt: skip
LLAMA_3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
MISTRAL_1 = (
    "{{ bos_token }}{% for message in messages %}" + TURNS + "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + ' ' }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
MISTRAL_3 = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported!") }}
    {%- endif %}
{%- endfor %}
"""
QWEN_2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
)

# Name, the format that it is to be recognised as, the program.
PROGRAMS = [
    ("chatml", "chatml", CHATML),
    ("chatml with line feeds in its strings", "chatml", CHATML.replace("\\n", "\n")),
    ("chatml in double quotes", "chatml", CHATML.replace("'", '"')),
    ("chatml with a system message of its own", "chatml", QWEN_2),
    ("zephyr, tinyllama", "zephyr", ZEPHYR),
    ("zephyr in one line", "zephyr", ZEPHYR.replace("\n", "")),
    ("zephyr with line feeds in its expressions", "zephyr", ZEPHYR.replace("\n", "").replace("eos_token }}", "eos_token + '\\n' }}")),
    ("llama 2", "llama-2", LLAMA_2),
    ("llama 3", "llama-3", LLAMA_3),
    ("mistral 0.1", "mistral-v1", MISTRAL_1),
    ("mistral 0.2, mixtral", "mistral-v1", MISTRAL_1.replace(" + ' ' }}", "}}")),
    ("mistral 0.3", "mistral-v3", MISTRAL_3),
    ("chatml that says two system messages", None, QWEN_2 + "{{ '<|im_start|>system\\nMore.<|im_end|>\\n' }}"),
    ("chatml that always speaks first", None, "{{ '<|im_start|>system\\nHi.<|im_end|>\\n' }}" + CHATML),
    ("llama 2 with a default system message", None, LLAMA_2.replace(
        "{% else %}{% set loop", "{% elif true == true %}{% set loop_messages = messages %}{% set system_message = 'Hi' %}{% else %}{% set loop", 1)),
    ("llama 3.1 with dates", None, "{{ date_string }}" + LLAMA_3),
    ("zephyr without ends", None, ZEPHYR.replace(" + eos_token", "")),
    ("mistral without spaces", None, MISTRAL_3.replace("[INST] ", "[INST]").replace('" " + ', "")),
    ("phi 3", None, "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"),
    ("empty", None, ""),
]  # fmt: skip
CONVERSATIONS = [
    [("user", "How are you?"), ("assistant", "Fine.")],
    [("user", " Spaces around "), ("assistant", " Here as well. \n"), ("user", "Two\nlines"), ("assistant", "{{ bos_token }} stays as it is")],
    [("system", "Be short."), ("user", "Hello"), ("assistant", "Hi")],
    [("user", "one"), ("user", "two"), ("assistant", "three")],
]


def main():
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def refuse(text):
        raise jinja2.TemplateError(text)

    environment.globals["raise_exception"] = refuse
    entries = []
    for name, kind, program in PROGRAMS:
        conversations = []
        for conversation in CONVERSATIONS if kind else []:
            messages = [{"role": role, "content": content} for role, content in conversation]
            # Mistral's third template forgets a system message unless a question is last; training on that is refused.
            forgets = kind == "mistral-v3" and messages[0]["role"] == "system"
            try:
                text = environment.from_string(program).render(messages=messages, bos_token="<s>", eos_token="</s>")
            except jinja2.TemplateError:
                text = None
            conversations.append({"messages": messages, "text": None if forgets else text})
        entries.append({"name": name, "format": kind, "jinja": program, "conversations": conversations})
    TARGET.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
