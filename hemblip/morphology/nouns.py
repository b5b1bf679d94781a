"""Things that are described, the attributes that they own, and nouns for their properties.

Everything is written in lower case, American spelling, without hyphens: `tokens.normalise` brings text into that form.
"""

from collections.abc import Mapping

OWNED: Mapping[str, tuple[str, ...]] = {
    "cell": ("cell_size", "cell_shape"),
    "nucleus": ("nucleus_shape",),
    "ratio": ("nuclear_cytoplasmic_ratio",),
    "inverse ratio": ("nuclear_cytoplasmic_ratio",),
    "chromatin": ("chromatin",),
    "nucleolus": ("nucleoli",),
    "cytoplasm": ("cytoplasm_amount", "cytoplasm_texture", "cytoplasm_colour"),
    "basophilia": ("cytoplasm_basophilia",),
    "vacuole": ("cytoplasm_vacuoles",),
    "granule": ("granules", "granule_colour"),
    "diagnosis": ("diagnosis",),
    "other": (),
}
"""The attributes that a thing can have."""

DENIABLE: Mapping[str, str] = {"vacuole": "cytoplasm_vacuoles", "granule": "granules", "nucleolus": "nucleoli"}
"""Things whose absence is a value of an attribute."""

ASPECTS: Mapping[str, tuple[str, ...]] = {
    "size": ("cell_size", "granules", "nuclear_cytoplasmic_ratio"),
    "shape": ("cell_shape", "nucleus_shape", "granules"),
    "color": ("cytoplasm_colour", "granule_colour"),
    "texture": ("cytoplasm_texture", "chromatin", "granules"),
    "amount": ("cytoplasm_amount",),
    "type": ("granules", "chromatin"),
}
"""The attributes that a property noun narrows its owner to."""

ASPECT_NOUNS: Mapping[str, str] = {
    "size": "size|sizes|dimension|dimensions|diameter|caliber",
    "shape": "shape|shapes|outline|contour|outlines|contours|form|morphology|silhouette|configuration|border|borders"
    "|profile|margin|margins|perimeter|edge|edges|periphery|boundary",
    "color": "color|colors|hue|tint|shade|tinge|tone|coloration|staining|stain|hues|tones|colored|tinted",
    "texture": "texture|pattern|density|structure|consistency|appearance|textures|quality|arrangement|condensation"
    "|distribution|network|organization|textured",
    "amount": "amount|quantity|volume|abundance|amounts",
    "type": "type|granularity",
}
"""Property -> nouns, separated by `|`."""

THINGS: Mapping[str, str] = {
    "cell": "cell|leukocyte|leucocyte|white cell|white blood cell|wbc|blast|blast cell|blood cell|cell body"
    "|nucleated cell|cell membrane"
    "|leukemic cell|cell size|cell shape|cell contour|cell outline|overall cell|polymorphonuclear cell"
    "|whole cell",
    "nucleus": "nuclear features|nuclear characteristics|nuclear findings|nuclear details|nuc|nucleus|nuclei|nuclear"
    "|nucleus shape|cell nucleus|nuclear membrane|nuclear envelope|nucleated",
    "ratio": "nuclear cytoplasmic ratio|nuclear to cytoplasmic ratio|nucleus to cytoplasm ratio|n c ratio|n / c ratio"
    "|n : c ratio|n to c ratio|nc ratio|nucleocytoplasmic ratio|nucleo cytoplasmic ratio|nuclear / cytoplasmic ratio"
    "|nuclear : cytoplasmic ratio|nucleus cytoplasm ratio|nucleus / cytoplasm ratio|ratio of nucleus to cytoplasm"
    "|nuclear cytoplasm ratio|ratio of the nucleus to the cytoplasm|ratio of nuclear to cytoplasmic"
    "|nuclear to cytoplasm ratio|nuclear chromatio|nuclear to cytoplasmic proportion|n / c|n : c|nuclear cytoplasmic"
    "|nuclear to cytoplasmic|nucleus : cytoplasm ratio|ratio of nuclear to cytoplasmic area"
    "|ratio between nucleus and cytoplasm|nucleus to cytoplasm proportion|nuclear to cytoplasmic size ratio"
    "|ratio of nucleus and cytoplasm|ratio between the nucleus and the cytoplasm"
    "|ratio between the nucleus and cytoplasm|ratio of the nucleus to cytoplasm|nuclear to cytoplasmic area ratio"
    "|ratio|karyoplasmic ratio|nuclear cytoplasmic proportion|n c",
    "inverse ratio": "cytoplasmic nuclear ratio|cytoplasmic to nuclear ratio|cytoplasm to nucleus ratio|c n ratio"
    "|c / n ratio|c : n ratio|cytoplasm nucleus ratio|ratio of cytoplasm to nucleus|cytoplasmic / nuclear ratio"
    "|cytoplasm / nucleus ratio|cytoplasm to nuclear ratio|ratio of the cytoplasm to the nucleus"
    "|cytoplasm to nucleus proportion|cytoplasmic to nuclear proportion|cytoplasmic : nuclear ratio"
    "|cytoplasmic to nucleus ratio",
    "chromatin": "chrom|chromatin|nuclear chromatin|chromatin texture|chromatin pattern|nuclear texture"
    "|nuclear density"
    "|nuclear material|chromatin strands",
    "nucleolus": "nucleolus|nucleoli|nucleolar|nucleolar prominence|nucleoluses",
    "cytoplasm": "cytoplasmic features|cytoplasmic characteristics|cytoplasmic findings|cytoplasmic details|cyto"
    "|cytoplasmic rim|cytoplasmic border|cytoplasmic band|cytoplasmic collar|cytopl|cytoplasm|cytoplasmic"
    "|cytoplasma|cytosol|ground substance|cytoplasms",
    "basophilia": "basophilia|cytoplasmic basophilia|basophilic|basophilic staining|basophilic hue|basophilic tinge"
    "|basophilic tint|basophily",
    "vacuole": "vac|vacs|vacuole|vacuoles|vacuolation|vacuolization|cytoplasmic vacuoles|vacuolar|vacuolations"
    "|vacuolated areas|vacuolizations|vacuolated spaces",
    "granule": "grans|granule|granules|granulation|granularity|granulations|cytoplasmic granules|granular material"
    "|granular content|granular|granulated",
    "diagnosis": "diagnosis|condition|disease|health status|disease status|disease label|pathology|leukemia subtype"
    "|leukemia type|subtype",
    "other": "red blood cell|red cell|erythrocyte|rbc|platelet|background|red blood corpuscle|thrombocyte|cell phone"
    "|smear|slide|image|inclusion|auer rod|field|stain|picture|photo|view|photograph|micrograph|object|circle|flower"
    "|dot|spot|group of cells|ball|red corpuscle|backdrop|scale bar|patient|cluster|group|debris|lamina|projection"
    "|pseudopod|plasma membrane|lobe|halo|dohle body|circles|crystal|bleb|fragment|cluster of cells|artefact"
    "|artifact|vessel|blood vessel|capillary|particle|pore|bodies",
}
"""Thing -> nouns and their adjectives; "other" are things that own no attribute of the cell described."""

ADJECTIVES: frozenset[str] = frozenset(
    ("nuclear", "nucleated", "cytoplasmic", "nucleolar", "granular", "granulated", "vacuolar")
)
"""Those of `THINGS` that only lead to a noun."""
