"""The words of haematologists for the values of the schema.

Everything is written in lower case, American spelling, without hyphens: `tokens.normalise` brings text into that form.
"""

from collections.abc import Mapping

VALUE_WORDS: Mapping[str, Mapping[str, str]] = {
    "cell_size": {
        "small": "small|tiny|little|small sized|undersized",
        "medium": "medium|medium sized|mid sized|midsized|middle sized|intermediate|intermediate sized|moderate sized"
        "|moderately sized|medium large|average sized|moderate",
        "large": "large|big|large sized|big sized|enlarged|sizable|sizeable|voluminous|oversized|very large",
    },
    "cell_shape": {
        "round": "round|rounded|circular|spherical|roundish|round shaped|near circular|rounded off",
        "irregular": "irregular|irregularly shaped|irregular shaped|misshapen|uneven|ameboid|amoeboid|non round"
        "|irregularly contoured|irregularly outlined|asymmetric|asymmetrical|distorted|nonround",
    },
    "nucleus_shape": {
        "segmented-bilobed": "segmented bilobed|bilobed|bi lobed|bilobated|bilobulated|bilobular|two lobed|2 lobed"
        "|two lobes|2 lobes|two nuclear lobes|bisegmented|two segments|two connected lobes|double lobed|dual lobed"
        "|two distinct lobes|pair of lobes|bilobate|bi lobulated|twin lobed|two segmented lobes|segmented into two"
        "|divided into two|spectacle shaped|two well defined lobes|two joined lobes|two clear lobes|two lobe"
        "|dumbbell shaped",
        "segmented-multilobed": "segmented multilobed|multilobed|multi lobed|multilobulated|multi lobulated"
        "|multilobular|multilobate|polylobed|polylobulated|three lobed|four lobed|five lobed|three lobes|four lobes"
        "|five lobes|3 lobes|4 lobes|5 lobes|multiple lobes|several lobes|trilobed|tri lobed|multisegmented"
        "|multi segmented|hypersegmented|multiple segments|three segments|four segments|three to five lobes"
        "|multilobated|many lobes|three lobe|three to four lobes|two to five lobes|multiple connected lobes"
        "|multiple distinct lobes|several connected lobes|several distinct lobes|more than two lobes"
        "|three or more lobes|segmented into multiple lobes|segmented into several lobes|three distinct lobes"
        "|three connected lobes|multiple nuclear lobes|several nuclear lobes|several segments|three nuclear lobes"
        "|quadrilobed|three or four lobes|four or five lobes",
        "unsegmented-band": "unsegmented band|band|band shaped|band like|bandlike|band form|band type"
        "|unsegmented band shaped|unsegmented band like|stab|rod shaped|rod like|sausage shaped|sausage like|c shaped"
        "|u shaped|s shaped|ribbon like|ribbon shaped|non segmented band|unsegmented and band shaped"
        "|nonsegmented band|unsegmented and band like|unsegmented and forms a band",
        "unsegmented-indented": "unsegmented indented|indented|notched|kidney shaped|kidney like|bean shaped"
        "|bean like|reniform|indentation|notch|kidney|kidney bean shaped|kidney bean|deeply indented"
        "|unsegmented and indented|dented|heart shaped|non segmented indented|nonsegmented indented|indentations"
        "|indent|cleft|clefted|concave|concavity|hilum|hof shaped",
        "unsegmented-round": "unsegmented round|unsegmented and round|round|rounded|circular|spherical|round shaped"
        "|roundish|round unsegmented|non segmented round|nonsegmented round|unsegmented rounded|near circular",
        "irregular": "irregular|irregularly shaped|irregular shaped|irregularly contoured|irregularly outlined"
        "|convoluted|irregularly folded|misshapen|uneven|distorted|irregularly lobulated|jagged|asymmetric"
        "|asymmetrical|contorted",
        "regular": "regular|regularly shaped|regular shaped|regularly contoured|regularly outlined",
    },
    "nuclear_cytoplasmic_ratio": {
        "low": "low|reduced|decreased|small|lower|diminished|low grade",
        "high": "high|elevated|increased|large|raised|markedly increased|higher|very high|big",
    },
    "chromatin": {
        "open": "open|fine|finely dispersed|dispersed|lacy|delicate|euchromatic|fine grained|finely granular"
        "|finely textured|finely stippled|decondensed|open textured|vesicular|finely distributed|lace like"
        "|evenly dispersed|immature",
        "coarse": "coarse|clumped|coarsely clumped|coarsened|clumpy|coarsely textured|coarse grained|blocky"
        "|coarsely granular|clumping|clumps|coarsely aggregated|rough|ropey|ropy",
        "loose": "loose|loosely|loosely packed|loosely arranged|loosely organized|loosely structured|loosely textured"
        "|loosely distributed|loosely woven|loosely aggregated|loosely dispersed|loosely condensed|reticular"
        "|reticulated|loosened",
        "dense": "dense|densely|condensed|compact|densely packed|tightly packed|densely clumped|compacted"
        "|densely stained|densely arranged|densely condensed|heterochromatic|tightly condensed|closely packed"
        "|densely organized|dense packed|highly condensed|pyknotic|densely aggregated|thick|densely textured"
        "|densely distributed|tight|tightly clumped",
    },
    "nucleoli": {
        "inconspicuous": "inconspicuous|indistinct|faint|subtle|barely visible|hardly visible|scarcely visible"
        "|poorly visible|unapparent|invisible|barely discernible|hard to see|hardly discernible|unremarkable"
        "|not readily visible|poorly defined|ill defined|non prominent|barely perceptible|difficult to see"
        "|difficult to discern|obscure|hidden|not readily apparent|minimally visible|barely noticeable"
        "|hardly noticeable",
        "prominent": "prominent|conspicuous|distinct|obvious|evident|visible|clearly visible|noticeable|large"
        "|well defined|easily seen|easily visible|apparent|pronounced|striking|clear|clearly seen|readily visible"
        "|readily apparent|present|marked|well developed|discernible|prominently visible|big|easily identified"
        "|stand out",
    },
    "cytoplasm_amount": {
        "scanty": "scanty|scant|sparse|minimal|thin rim|narrow rim|narrow band|thin band|small amount|small quantity"
        "|little|limited|minimal amount|scanty amount|scant amount|small rim|thin layer|slim rim|limited amount"
        "|thin border|little amount|a rim|thin ring|narrow ring|scanty rim|scant rim|meager|minimal rim|thin strip"
        "|narrow border|peripheral rim|slight rim|reduced|low amount|small volume|sparse amount|reduced amount|narrow"
        "|thin|slender rim|narrow strip|delicate rim|fine rim|low|low volume|scarce|tiny amount|small",
        "moderate": "moderate|moderate amount|moderate quantity|moderately abundant|medium amount|intermediate amount"
        "|moderate volume|intermediate|medium|moderate amounts|fair amount|modest|modest amount",
        "abundant": "abundant|ample|plentiful|copious|voluminous|large amount|abundant amount|plenty|generous"
        "|extensive|ample amount|profuse|large quantity|large volume|plentiful amount|expansive|generous amount"
        "|considerable amount|rich amount|wide rim|broad rim|large amounts|considerable|high|substantial"
        "|substantial amount|large|high amount|broad|wide|well developed|copious amounts|abundance",
    },
    "cytoplasm_texture": {
        "clear": "clear|transparent|translucent|clear textured|see through|clean|glassy",
        "frosted": "frosted|frosty|ground glass|ground glass like|hazy|cloudy|frosted glass|frosted textured"
        "|frosted glass like|frost like|milky|opaque|matte|turbid|misty",
    },
    "cytoplasm_colour": {
        "light blue": "light blue|pale blue|light bluish|pale bluish|sky blue|faint blue|faintly blue|lightly blue"
        "|soft blue|lightly bluish|pale sky blue|light sky blue|palely blue|very light blue|slightly blue"
        "|light blue tinted|baby blue|blue pale|blue light|clear light blue|faint bluish|faintly bluish"
        "|light blue toned|light blue hued|lightly blue stained|light colored blue|paler blue|lighter blue",
        "blue": "blue|bluish|blue stained|deep blue|dark blue|blue tinted|bright blue|medium blue|blue toned"
        "|distinctly blue|blue colored|royal blue",
        "purple blue": "purple blue|blue purple|bluish purple|purplish blue|violet blue|blue violet|bluish violet"
        "|purple bluish|blue purplish|violet bluish|light purple blue|purplish bluish|purple tinged blue"
        "|blueish purple|mauve blue|lavender blue",
    },
    "cytoplasm_basophilia": {
        "slight": "slight|mild|weak|faint|slightly|mildly|weakly|faintly|minimal|low|light|subtle|minimally|lightly"
        "|slight degree|mild degree|low grade|low level|little",
        "moderate": "moderate|moderately|medium|intermediate|moderate degree|moderate level",
    },
    "cytoplasm_vacuoles": {
        "absent": "absent",
        "present": "present|visible|seen|evident|identified|observed|noted|prominent|yes|apparent|detected|found"
        "|discernible|conspicuous|recognizable|noticeable|distinguishable|appreciated",
    },
    "granules": {
        "absent": "absent",
        "small": "small|fine|tiny|minute|delicate|fine grained|small sized|dust like|finely dispersed"
        "|finely granulated|very fine|very small|finely distributed|little|dusty|powdery|punctate",
        "round": "round|rounded|spherical|circular|round shaped|globular|roundish|bead like",
        "coarse": "coarse|chunky|coarse grained|coarsely granulated|clumped|rough|blocky|coarsened",
    },
    "granule_colour": {
        "pink": "pink|pinkish|light pink|pale pink|rose|rosy|pink stained|pink colored|pink staining|faint pink"
        "|pink tinged|soft pink|salmon pink|pink hued|bright pink|delicate pink",
        "red": "red|reddish|orange red|red orange|reddish orange|brick red|bright red|red stained|red colored"
        "|red staining|deep red|crimson|dark red|orange reddish|vivid red|scarlet|orangish red",
        "purple": "purple|violet|purplish|dark purple|deep purple|purple stained|dark violet|purple colored"
        "|purple staining|deep violet|intensely purple|light purple|blue purple|bluish purple|purple blue"
        "|dark bluish purple|blue violet|purple black|bluish violet|violet stained|deeply purple",
    },
}
"""Key -> value -> wordings, separated by `|`."""
