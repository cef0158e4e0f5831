// The words that lists are drawn from: common English nouns and adjectives, in the order of the alphabet.

extension WordSorting {
  static let vocabulary: [String] = """
    able acid acorn actor adult agent album alley almond amber anchor angle ankle apple apron arch
    arena armor arrow artist aspen atlas attic autumn axle bacon badge bagel baker bamboo banana
    banner barber barley barrel basin basket beacon beaver beetle belfry bench berry birch bishop
    blanket blossom board bonnet border bottle boulder branch bread breeze brick bridge bronze
    brook broom brush bucket buckle budget butter button cabin cactus camel camera canal candle
    canoe canvas carbon carpet carrot castle cattle cedar cello cement chalk chapel cheese cherry
    chimney circle citrus clarinet clay cliff clock cloud clover coast cobalt coffee collar comet
    copper coral corner cotton cradle crane crater cricket crystal curtain cushion cyclist dagger
    dairy dance dawn decade deck deer delta dentist desert diamond dinner diver doctor dolphin
    domino donkey door draft dragon drawer dream drift drum duck dune dust eagle early earth easel
    echo edge editor elbow elder elm ember emerald empire engine envelope epoch equal errand
    estate evening exit expert fabric factory falcon family farmer feather fence fern ferry fiddle
    field figure filter finch finger fire flag flame flute foam forest fork fossil fountain fox
    frame frost fruit funnel furnace gallery garden garlic garnet gate gazelle gentle geyser
    ginger giraffe glacier glass globe glove goat gold goose grain granite grape grass gravel
    grove guitar gutter habit hamlet hammer hammock harbor harp harvest hawk hazel heart hedge
    helmet herald herb heron hill hinge history holly honey hood horizon hotel hour humble hunter
    hurdle ice icon idea igloo image inch index ink inlet insect iris iron island item ivory ivy
    jacket jaguar jar jasmine jelly jewel jigsaw journal journey judge juice jungle junior juniper
    kayak keel kennel kettle key kidney king kitchen kite kitten knee knight knot label ladder
    lagoon lake lamp lantern larch laurel lawn leaf leather lemon lentil letter lever library
    lichen lily linen lion lizard lobster locket lodge lotus lumber lunar lynx magnet mango mantle
    maple marble margin market marsh mason meadow medal melon mentor merchant metal meteor middle
    mill mineral mirror mitten monarch moose morning mosaic moss motor mountain muffin museum
    music mustard myth napkin narrow native nature navy nectar needle nephew nest nickel night
    noble noodle north notebook novel nurse nutmeg oak oar oasis oat object ocean octave office
    olive onion opal opera orange orbit orchard orchid organ osprey otter outline oven owl oxygen
    oyster paddle page palace palm panda panel paper parade parcel parrot pasture patrol pebble
    pencil pepper perch piano picnic pigeon pillow pilot pine pirate planet plank plaza plover
    plum pocket poem polar pond poplar portrait potato prairie prism puddle pumpkin puzzle pyramid
    quail quarry quarter quartz queen quest quiet quill quilt quince quiver quota rabbit radar
    radio radish raft rail rain ranch raven razor reason recipe reef relay ribbon rice ridge ring
    ripple river robin rocket roof root rose rowan rubber rudder ruler rural rust saddle sailor
    salad salmon salt sand saturn scale scarf school scout screen sculptor seal season shadow
    shell shelter shield silk silver singer sketch slate smoke snow soap socket sofa spark sparrow
    spice spider spruce square squirrel stable statue steam stone storm straw stream summer sunset
    swallow syrup table tailor talent tango target teapot temple tender tennis theater thicket
    thimble thistle thread thunder ticket tiger timber toast tomato topaz torch tower tractor
    train travel treasure triangle trumpet tulip tundra tunnel turnip turtle twig ultra umbrella
    uncle under union unit upper urban urn usher utmost valley valve vanilla vapor vase vault
    velvet vendor verse vessel victory village vine violet violin visitor voice volcano voyage
    wafer wagon walnut walrus wasp water wax weasel weather weaver wedge wheat wheel whisper widow
    willow window winter wizard wolf wood wool worker wreath wren wrist yacht yard yarn year yeast
    yellow yogurt yolk young zebra zenith zephyr zero zigzag zinc zipper zone
    """.words.map(String.init)
}
