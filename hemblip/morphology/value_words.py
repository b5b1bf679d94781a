"""The words of haematologists for the values of the schema.

Everything is written in lower case, American spelling, without hyphens: `tokens.normalise` brings text into that form.
"""

from collections.abc import Mapping

_CLEAR = (
    "{,distinct ,distinctly ,connected ,clear ,nuclear ,joined ,well defined ,separate ,segmented ,interconnected "
    ",discrete ,prominent ,visible ,well separated ,rounded ,round ,symmetrical ,symmetric }"
)
_MANY = (
    "{three,four,five,six,3,4,5,6,multiple,several,many,numerous,more than two,three or more,two to five"
    ",three to five"
    ",three to four,four to five,three or four,four or five,two or more,multi"
    ",more than three,more than four,more than five,more than six,over five}"
)
_DIVIDED = "{divided,segmented,split,separated,partitioned,constricted}"
_RIM = "{rim,band,border,layer,ring,strip,margin,crescent,collar,fringe,edge,sliver,zone}"
_AMOUNT = "{,amount,amounts,quantity,quantities,volume}"
_WELL = "{well,clearly,easily,readily,plainly,distinctly,prominently,sharply,obviously}"
_BARELY = "{barely,hardly,scarcely,poorly,minimally,not readily,not clearly,not easily,faintly,only faintly}"
_SEEN = "{visible,discernible,perceptible,noticeable,apparent,identifiable,evident,distinguishable,appreciable}"
_PACKED = (
    "{packed,arranged,organized,structured,textured,distributed,aggregated,stained,staining,condensed,woven,knit"
    ",compacted,grained,clumped}"
)
_BLUISH = "{blue,bluish,blueish}"
_PURPLISH = "{purple,purplish,violet,mauve,lavender,lilac}"
_SHADE = "{,stained,colored,staining,tinged,toned,hued,tinted,tinctured}"

VALUE_WORDS: Mapping[str, Mapping[str, str]] = {
    "cell_size": {
        "small": "{small,tiny,little,petite,diminutive} {,sized}|undersized|sm",
        "medium": "{medium,mid,middle,intermediate,moderate,average} {,sized}|moderately sized|midsized|medium large"
        "|med",
        "large": "{large,big,very large,bulky} {,sized}|enlarged|sizable|sizeable|voluminous|oversized|lg|giant|huge"
        "|considerable|substantial",
    },
    "cell_shape": {
        "round": "{,near ,nearly ,almost ,roughly }{round,rounded,circular,spherical,roundish} {,shaped}|rounded off",
        "irregular": "{irregular,irregularly} {,shaped,contoured,outlined,formed}|misshapen|uneven|{ameboid,amoeboid}"
        "|non round|asymmetric|asymmetrical|distorted|nonround|pleomorphic",
    },
    "nucleus_shape": {
        "segmented-bilobed": "{,segmented }{bilobed,bi lobed,bilobate,bilobated,bilobular,bilobulated,bisegmented"
        ",two lobed,2 lobed,double lobed,dual lobed,twin lobed,bi segmented,bi lobulated,bi lobular,two lobe}"
        f"|{{two,2,pair of,couple of,only two,just two}} {_CLEAR}{{lobes,segments,lobules}}"
        f"|{_DIVIDED} into {{two,2}} {_CLEAR}{{,lobes,segments,parts}}"
        f"|{{spectacle,dumbbell,eyeglass}} {{shaped,like}}",
        "segmented-multilobed": "{,segmented }{multilobed,multi lobed,multilobate,multilobated,multilobular"
        ",multilobulated,multi lobulated,multisegmented,multi segmented,polylobed,polylobulated,trilobed,tri lobed"
        ",quadrilobed,three lobed,four lobed,five lobed,hypersegmented,hyper segmented,3 lobed,4 lobed,5 lobed"
        ",trilobated}"
        f"|{_MANY} {_CLEAR}{{lobes,segments,lobules,lobe}}"
        f"|{_DIVIDED} into {_MANY} {_CLEAR}{{,lobes,segments,lobules,parts}}",
        "unsegmented-band": "{,unsegmented ,non segmented ,nonsegmented ,unsegmented and }"
        "{band,stab,rod,sausage,ribbon,horseshoe} {,shaped,like,form,type}|bandlike|{c,u,s} shaped"
        "|{unsegmented,non segmented} and forms a band|unlobed band",
        "unsegmented-indented": "{,unsegmented ,non segmented ,nonsegmented ,unsegmented and ,deeply ,slightly "
        ",mildly }"
        "{indented,notched,dented,clefted,reniform}|{,unsegmented }{kidney,bean,kidney bean,heart} {shaped,like}"
        "|concave|kidney|kidney bean",
        "unsegmented-round": "{,unsegmented ,unsegmented and ,non segmented ,nonsegmented ,unsegmented but }"
        "{round,rounded,circular,spherical,roundish} {,shaped,unsegmented}"
        "|{near,nearly,almost,roughly} {round,circular}",
        "irregular": "{irregular,irregularly} {,shaped,contoured,outlined,folded,lobulated,formed}|convoluted"
        "|misshapen"
        "|uneven|distorted|jagged|asymmetric|asymmetrical|contorted|pleomorphic|cerebriform",
        "regular": "{regular,regularly} {,shaped,contoured,outlined,formed}",
    },
    "nuclear_cytoplasmic_ratio": {
        "low": "low|very low|very small|reduced|decreased|small|lower|diminished|lowered",
        "high": "high|elevated|increased|large|very large|raised|higher|very high|big|heightened",
    },
    "chromatin": {
        "open": "open {,textured}|fine {,grained,textured}|finely {,dispersed,granular,textured,stippled,distributed"
        ",reticulated,reticular,grained,structured}|{,evenly }dispersed|lacy|lacey|lace like|delicate|euchromatic"
        "|decondensed|vesicular|immature|diffuse",
        "coarse": "coarse {,grained,textured}|coarsely {,clumped,textured,granular,aggregated,condensed,grained"
        ",structured,distributed}|clumped|coarsened|clumpy|blocky|clumping|clumps|rough|ropey|ropy|chunky",
        "loose": f"loose|loosely {{,packed,dispersed}}|loosely {_PACKED}|reticular|reticulated|loosened|less condensed",
        "dense": f"dense {{,packed}}|densely {{,packed}}|{{densely,tightly,closely,compactly}} {_PACKED}"
        "|{,highly ,heavily ,strongly ,markedly }condensed|compact|compacted|heterochromatic|pyknotic|thick|tight",
    },
    "nucleoli": {
        "inconspicuous": f"inconspicuous|inconsp|indistinct|faint|subtle|unapparent|invisible|unremarkable"
        f"|{_BARELY} {{seen,{_SEEN[1:]}"
        "|{poorly,ill} defined|non prominent|{hard,difficult} to {see,discern,identify,make out,find,appreciate}"
        "|obscure|obscured|hidden|imperceptible|rudimentary",
        "prominent": f"prominent|conspicuous|distinct|obvious|{{,{_WELL[1:-1].replace(',', ' ,')} }}{_SEEN}|marked"
        "|{well,clearly} defined|{well,clearly,easily,readily} seen|pronounced|striking|clear|large|big|present"
        "|well developed|stand out|stands out|standing out|enlarged"
        "|easy to {see,spot,find,identify,make out}|eye catching|made out|picked out"
        "|easily {identified,recognized,recognizable}",
    },
    "cytoplasm_amount": {
        "scanty": f"{{scanty,scant,sparse,minimal,small,limited,little,low,tiny,meager,reduced,negligible}} {_AMOUNT}"
        f"|{{,very ,a }}{{thin,narrow,small,scant,scanty,slim,slender,minimal,peripheral,slight,delicate,fine,mere"
        f",tiny,thinnest,tight,barely visible,sparse}} {_RIM}|a rim|a mere {_RIM}|sliver|wisp|little to no"
        f"|scarce|narrow|thin"
        f"|meagre",
        "moderate": f"{{moderate,medium,intermediate,fair,modest,reasonable}} {_AMOUNT}|moderately abundant",
        "abundant": "{abundant,ample,plentiful,copious,voluminous,large,generous,extensive,profuse,considerable"
        f",substantial,high,rich,expansive,great}} {_AMOUNT}|plenty|abundance|well developed"
        f"|{{wide,broad,thick,generous,ample}} {_RIM}|wide|broad|abundantly present",
    },
    "cytoplasm_texture": {
        "clear": "clear {,textured}|transparent|translucent|see through|clean|glassy|limpid|crystal clear",
        "frosted": "frosted|frosty|{ground,frosted} glass {,like,textured}|frosted textured|frost like|hazy|cloudy"
        "|milky|opaque|matte|turbid|misty|veil like|smoky",
    },
    "cytoplasm_colour": {
        "light blue": f"{{light,pale,faint,sky,soft,baby,lighter,paler,powder,faintly,lightly,palely,slightly,weakly"
        f",very light,very pale,pale sky,light sky}} {_BLUISH} {_SHADE}|blue {{pale,light}}"
        "|{light,lightly} {colored,stained} blue",
        "blue": f"{{,deep ,dark ,deeply ,bright ,medium ,royal ,distinctly ,intense ,intensely ,vivid "
        f",rich }}{_BLUISH}"
        f" {_SHADE}",
        "purple blue": f"{{,pale ,light ,deep ,dark }}{_PURPLISH} {{,tinged ,tinted }}{_BLUISH} {_SHADE}"
        f"|{{,pale ,light ,deep ,dark }}{_BLUISH} {{,tinged ,tinted }}{_PURPLISH} {_SHADE}",
    },
    "cytoplasm_basophilia": {
        "slight": "slight {,degree}|mild {,degree}|weak|faint|slightly|mildly|weakly|faintly|minimal"
        "|low {,level,grade}"
        "|light|subtle|minimally|lightly|little",
        "moderate": "moderate {,degree,level}|moderately|medium|intermediate",
    },
    "cytoplasm_vacuoles": {
        "absent": "absent",
        "present": f"present|prominent|conspicuous|yes|noted|observed|identified|detected|found|recognizable"
        f"|appreciated"
        f"|seen|made out|picked out|{{,{_WELL[1:-1].replace(',', ' ,')} }}{_SEEN}|positive|demonstrated"
        f"|demonstrable|numerous",
    },
    "granules": {
        "absent": "absent",
        "small": "small {,sized}|fine {,grained,sized}|finely {,dispersed,granulated,distributed,grained}|tiny|minute"
        "|delicate|dust like|dusty|very {fine,small}|little|powdery|punctate|pinpoint|minuscule|microscopic",
        "round": "{round,rounded,spherical,circular,roundish} {,shaped}|globular|bead like|globe like|bead shaped",
        "coarse": "coarse {,grained}|coarsely {,granulated,grained}|chunky|clumped|rough|blocky|coarsened|clumpy",
    },
    "granule_colour": {
        "pink": "{,light ,pale ,faint ,soft ,bright ,salmon ,faintly ,lightly ,rose ,rosy ,dusty }{pink"
        ",pinkish}"
        f" {_SHADE}|rose|rosy|{{salmon,coral,rose,rosy}} colored|salmon|coral",
        "red": "{,bright ,deep ,dark ,vivid ,brick ,intense ,intensely ,brilliant ,orange ,orangish ,brightly "
        ",deeply "
        f",strongly ,salmon ,fiery }}{{red,reddish}} {_SHADE}"
        f"|{{red,reddish}} {{orange,orangish}} {_SHADE}|crimson|scarlet",
        "purple": "{,dark ,deep ,deeply ,intensely ,light ,bluish ,blue ,dark bluish ,dark blue ,blackish ,darkly "
        ",bright "
        f",intense ,pale }}{{purple,purplish,violet,lilac,lavender,mauve,plum}} {{,black ,blue }}{_SHADE}"
        "|magenta purple",
    },
}
"""Key -> value -> wordings, separated by `|`; `{a,b}` are alternatives."""
