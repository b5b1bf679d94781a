"""Texts that are not about blood cells at all: other specimens, other things, other languages."""

from collections.abc import Sequence

from hemblip.morphology.tokens import word_set

_OTHER_SUBJECTS = word_set(
    "ultrasound|sonography|radiograph|mammogram|mri|tomography|echotexture|endoscopy|colonoscopy|retina|cornea"
    "|dermis|epidermis|melanocytes|keratinocytes|biopsy|carcinoma|adenocarcinoma|sarcoma|melanoma|epithelium|epithelial"
    "|stroma|urothelial|hepatocytes|hepatocyte|neuron|neurons|cortex|chondrocytes|osteocytes|fibroblasts|sperm|urine"
    "|chloroplast|chloroplasts|onion|plant|plants|pollen|yeast|amoeba|paramecium"
    "|car|cars|truck|bus|train|bicycle|motorcycle|engine|wheel|wheels|tires|road|street|parking|airplane|boat"
    "|house|houses|kitchen|bedroom|bathroom|apartment|garden|roof|building|buildings|windows|door"
    "|furniture|sofa|prison|jail|inmate|prisoner|battery|batteries|lithium|solar|laptop|headlights"
    "|spreadsheet|excel|keyboard|software|atom|atomic|proton|protons|neutrons|electrons|comet|galaxy|stars"
    "|planet|earth|ocean|beach|mountain|river|forest|trees|dog|cat|bird|zebra|giraffe|elephant|cow"
    "|sheep|pizza|recipe|oven|flour|sauce|restaurant|soup|salad|shirt|dress|shoes|jacket"
    "|football|baseball|soccer|tennis|skateboard|surfboard|game|team|guitar|music|song|movie|market|stocks"
    "|investors|election|government|sandstone|quartz|granite|soil|mineral|gravel|timber"
)
_BLOOD = word_set(
    "neutrophil|neutrophils|eosinophil|eosinophils|basophil|basophils|lymphocyte|lymphocytes|monocyte|monocytes"
    "|myeloblast|myeloblasts|lymphoblast|lymphoblasts|monoblast|monoblasts|promonocyte|promonocytes|myelocyte"
    "|myelocytes|metamyelocyte|metamyelocytes|promyelocyte|promyelocytes|leukocyte|leukocytes|leucocyte|leucocytes"
    "|granulocyte|granulocytes|blast|blasts|leukemia|leukemic|aml|apml|apl|cll|cml|wbc|blood|smear|smears|marrow"
    "|hematologist|hematology|hematologists|auer|giemsa|polymorph"
)
_OTHER_LANGUAGES = word_set(
    "der|die|das|und|ist|mit|ein|eine|einem|einer|einen|von|sind|im|nicht|keine|wenig|kern|zelle"
    "|le|la|les|un|une|des|du|est|et|avec|dans|sont|sans|noyau|cellule|pas|au|aux|sur"
    "|el|los|las|una|es|y|con|del|en|sin|muy|nucleo|celula|o|e|com|um|uma|da|sem|il|lo|della|di|gli|ha"
    "|het|een|de|met|van|zijn|geen|kernen|och|med|av|ar|cellen|og|jest|z|i"
)
_ENGLISH = word_set("the|a|an|is|are|with|of|and|in|has|no|this|it|without|to|shows|not|from|there|cell")


def is_foreign(sentences: Sequence[tuple[str, ...]]) -> bool:
    """Whether a text has another subject than blood cells, or another language than English."""
    words = {word for sentence in sentences for word in sentence}
    if not words.isdisjoint(_OTHER_SUBJECTS) and words.isdisjoint(_BLOOD):
        return True
    foreign = len(words & _OTHER_LANGUAGES)
    return foreign > 1 and foreign > len(words & _ENGLISH)
