"""The words that hold a sentence together, and wordings that need no noun to be understood.

Everything is written in lower case, American spelling, without hyphens: `tokens.normalise` brings text into that form.
"""

from collections.abc import Mapping

FUNCTION_WORDS: Mapping[str, str] = {
    "not": "nothing to {suggest,indicate,support}|nothing {suggests,indicates}"
    "|no {features,feature,indication,suggestion,hint} of|no|not|without|lacks|lack|lacking|lack of|lacked|devoid of"
    "|free of|free from|absence of|the absence of"
    "|never|neither|nor|cannot|no evidence of|negative for|clear of|no sign of|no signs of|does not|do not"
    "|fails to show|without any|without evidence of|no trace of|no clear evidence of|no definite|in the absence of"
    "|absence of any|non|rather than being|hardly any|zero|anything but|far from|by no means|in no way"
    "|nowhere near|bare of|barren of|empty of|destitute of|instead of being|void of",
    "absent": "negative|nowhere to be {seen,found}|nowhere|wanting|absent|missing|none|nil|nonexistent"
    "|non existent|lacking entirely"
    "|not apparent|null",
    "one": "one|ones",
    "either": "either",
    "likewise": "so {are,is}",
    "atypical": "atypical|abnormal|reactive|dysplastic|neoplastic|malignant|aberrant",
    "unsure": "{not true,not the case,untrue,wrong,incorrect,false} {,to say ,to claim }that"
    "|if {present,any,visible,there}"
    "|cannot be {excluded,ruled out,confirmed,determined,"
    "assessed,evaluated,judged,seen clearly,resolved,identified with certainty,classified,"
    "made out clearly,clearly seen,reliably assessed,clearly assessed,graded,established,ascertained,"
    "clearly determined}"
    "|not {assessed,assessable,stated,determined,evaluable,specified,applicable,given,available,evaluated,mentioned,"
    "recorded,reported,provided,known}"
    "|difficult to {assess,determine,evaluate,judge,classify,interpret}"
    "|hard to {assess,determine,evaluate,judge,classify,interpret}|unclear|indeterminate|unknown|uncertain|whether"
    "|may or may not|impossible to {assess,determine,judge,tell}|n / a|if|questionable|doubtful|equivocal"
    "|debatable|open to question|unassessable|undetermined|unspecified"
    "|{can be ,could be ,}neither {confirmed,proven} nor {excluded,ruled out,denied,refuted}"
    "|could not be {determined,assessed,evaluated,judged}|too blurred|not possible to {assess,determine,judge,tell}"
    "|unreadable",
    "copula": "{can,may,could,might} be|is|are|was|were|appears|appear|looks|look|seems|seem|remains|remain|:|="
    "|being|be|described as|appeared"
    "|looked|been|measures|becomes|reads|appearing|classified as|considered|as|rated|graded|scored|judged|deemed"
    "|stains|stain|noted as|tends to be",
    "have": "forms|form|forming|leaves|leaving|{in,by} having|has|have|shows|show|contains|contain|exhibits|exhibit"
    "|displays|display|reveals|reveal"
    "|having|showing|include|rims|rings|hugs|skirts"
    "|containing|exhibiting|displaying|features|demonstrates|demonstrating|possesses|possessing|holds|holding"
    "|presents|includes|including|carries|carrying|bears|bearing|harbors|harbours|harboring|featuring|revealing"
    "|presents with|shown|demonstrate|had|showed|contained|exhibited|displayed|revealed|demonstrated|encloses"
    "|enclosing|houses|housing|surrounds|surrounding the nucleus|fills|bounded by|filled with|filling|studded with"
    "|packed with|identify|identifies|depicts|there is|there are|indicates|suggests|represents|indicating|suggesting"
    "|representing|encircles|possess|feature|marked by|characterized by|distinguished by|defined by|gives|giving"
    "|comprises|comprising|supports|surrounding it|hold|bear|carry|complement|accompanies|accompany|envelops|covers"
    "|wraps",
    "with": "with|along with|together with|plus|accompanied by|combined with|coupled with|paired with|alongside"
    "|surrounded by|encircled by|enclosed by|embedded in|set in|rimmed by|but with|as well as|in addition to",
    "of": "of|of the|of a|of its",
    "prep": "in|within|inside|around|throughout|across|from|by|under|on|at|through|into|beneath|outside|scattered in"
    "|for|about|against the",
    "and": "and|&|+|yet|also",
    "or": "or|versus|vs|/|and / or|or possibly|or perhaps|or maybe|or else|or even",
    "to": "to",
    "comma": ",|(|)",
    "but": "in that|because of|due to|owing to|by virtue of|on account of|but|instead|however|while|whereas|although"
    "|though|because|since|and is therefore|only|rather|whilst|then"
    "|but rather|;",
    "that": "that|which|who|whose",
    "det": "a|an|the|this|its|these|their|any|his|her|some|our|such|each|{all,most,some,many} of {its,the,these,their}",
    "contrast": "{changed,changes,change} from"
    "|{deviates,deviating,deviation,departs,departing,departure,altered,deviate,depart} from"
    "|{lost,loses,losing,loss of}|no longer {has,shows,have,show,is,displays}"
    "|{help,helps,helping} {,to }{tell,distinguish,differentiate,discriminate,separate}|look like|looked like"
    "|in distinction {to,from}|{pass,passes} for"
    "|{mistaken,mistook,misread,taken,confused,passed off} {for,as,with}"
    "|{initially,first,originally,previously,provisionally,mistakenly,wrongly,erroneously}"
    " {called,labeled,classified,reported,flagged,read,diagnosed} {,as}"
    "|{initially,first,originally} {thought,considered,believed"
    ",suspected,taken,felt} {to be,as,for}|{one,you} {might,could,would,may} {think of,think,consider,expect}"
    "|{may,might,could,can} be {mistaken for,confused with}|at first {glance,sight}|unlike|rather than|as opposed to"
    "|in contrast to|in contrast with|contrasting with|compared to"
    "|compared with|instead of|than|differs from|differing from|different from|distinct from|distinguishable from"
    "|distinguishes it from|distinguishing it from|distinguish it from|distinguishing this cell from"
    "|distinguish this cell from|ruling out|rules out|rule out|excluding|excludes|exclude|argues against"
    "|arguing against|argue against|not to be confused with|similar to|reminiscent of|mimicking|mimics|mimic|like"
    "|over|in comparison to|in comparison with|relative to|contrary to"
    "|{roughly,about,approximately,around,nearly,almost} the size of|the size of a|cf|as {it,they,one,you} would"
    "|as would be"
    "|as {found,expected,observed} in|as in|as in a|less likely|in place of"
    "|should be distinguished from|must be distinguished from|to be distinguished from|distinguished from"
    "|to {distinguish,differentiate,discriminate}"
    "|{set,sets,setting} {it,this cell,the cell,this one} apart from"
    "|differentiates it from|differentiating it from|differentiate it from|not that of|dissimilar to"
    "|dissimilar from|except|resembling|resembles|similar in size to|looks like|contrasts with|against|ruled out for"
    "|differentiate from|separates it from|separating it from|setting it apart from|sets it apart from|as seen in"
    "|as found in|seen in typical|would suggest|would indicate|favored over|preferred over|typical for|would favor"
    "|opposed to|not consistent with|not compatible with|not suggestive of|not typical of|not characteristic of"
    "|inconsistent with|incompatible with|not representative of|not diagnostic of|not indicative of|does not fit"
    "|do not fit|does not support|do not support|does not suggest|do not suggest|does not represent"
    "|not in keeping with|atypical for",
    "frame": "with respect to|with regard to|in terms of|as regards|regarding|as for|concerning|as to|turning to",
    "link": "{linked,connected,joined,united,bridged} by",
    "indentation": "{indentation,indentations,indent,notch,cleft,concavity,hilum}",
    "where": "{to,on,at,in} {the,its} {left,right,far left,far right,top,bottom,edge,corner,periphery,margin,border"
    ",upper left,upper right,lower left,lower right,upper corner,lower corner,left side,right side,left corner"
    ",right corner,upper left corner,upper right corner,lower left corner,lower right corner,top left,top right"
    ",bottom left,bottom right,background}",
    "normal": "normal|normal appearing|normal looking|non {malignant,neoplastic,leukemic,cancerous}"
    "|nonmalignant|benign",
    "all": "all",
    "near": "{below,above,beneath,under,beside} {it,them,the cell,this cell}|behind|in front of|between|in between"
    "|next to|beside|near|adjacent to|neighboring|neighbouring|nearby"
    "|close to|another"
    "|other|others|a second|adjacent"
    "|surrounding|touching|abutting|side by side with|in the vicinity of|several other|one other"
    "|elsewhere|in the same field|at the edge of the image"
    "|at the edge of the field|accompanying|bystander|additional|flanked by|close by|next to it"
    "|at the border of the image|in the rest of the field|amid|among|amongst|in the surrounding area|second"
    "|alongside a|alongside the|alongside several",
    "reject": "{should,must,may,might,could,can} be considered|{needs,has} to be considered|runner up"
    "|second choice|second best|unlikely|excluded|ruled out|is excluded|can be excluded"
    "|can be ruled out|less likely|is not favored"
    "|rejected|dismissed|abandoned|refuted|is not supported|not supported|not favored|improbable|is out"
    "|can be discarded|discounted|not the case",
    "self": "the one {shown,here,depicted,pictured,described}|it|they|this one|the present cell|here|this cell"
    "|{the cell,the case,the one} {at hand,under study,under discussion,under consideration}"
    "|the cell in question|the cell shown"
    "|the cell of interest"
    "|the central cell|the depicted cell|the cell|this leukocyte|the main cell|the described cell|the imaged cell"
    "|this white blood cell|the present one|the present|the target cell|the current cell",
}
"""Role -> words, separated by `|`; `{a,b}` are alternatives."""

_SLIGHT = (
    "slight,slightly,mild,mildly,weak,weakly,faint,faintly,minimal,minimally,subtle,low,light,lightly,"
    "slight degree of,mild degree of,only slight,low level"
)
_MODERATE = "moderate,moderately,medium,intermediate,moderate degree of,moderate level of"

_FILLING = "occupies,occupying,occupy,fills,filling,fill,takes up,taking up,covers,covering"
_LITTLE = "little,less than half,a small part,a small portion,a minor part"
_NEARLY = "{nearly,almost,virtually,practically} {completely ,entirely ,}"
_MOST = (
    "most of,nearly all of,almost all of,the majority of,much of,nearly,almost,virtually all of,nearly all,almost all"
)

DIRECT: Mapping[tuple[str, str], str] = {
    ("granules", "absent"): "agranular|nongranular|ungranulated|non granular|agranulated|non granulated|granule free"
    "|nongranulated|granule less|granuleless|free granules",
    ("nucleoli", "inconspicuous"): "anucleolate|anucleolated|anucleolar",
    ("cytoplasm_amount", "scanty"): "{almost,nearly,virtually,practically,next to,hardly,scarcely,barely} {no,any} "
    "{,visible ,discernible }cytoplasm",
    ("cytoplasm_vacuoles", "present"): "vacuolated|vacuolate|vacuole containing|vacuole rich|vacuolized|vacuoled"
    "|vacuole bearing",
    ("cytoplasm_vacuoles", "absent"): "non vacuolated|nonvacuolated|unvacuolated|vacuole free|vacuoleless|avacuolar"
    "|vacuole less|avacuolated|non vacuolar",
    ("cytoplasm_basophilia", "slight"): f"{{{_SLIGHT}}} {{basophilic,basophilia,cytoplasmic basophilia}}",
    ("cytoplasm_basophilia", "moderate"): f"{{{_MODERATE}}} {{basophilic,basophilia,cytoplasmic basophilia}}",
    ("nuclear_cytoplasmic_ratio", "high"): f"{{{_FILLING}}} {{{_MOST}}} {{the,its,this}} {{,entire ,whole }}"
    "{cell,cell area,cell volume,cell body,cytoplasm,available space,cellular area,cell surface}"
    "|{dominating,dominates} the cell"
    f"|{_NEARLY}{{{_FILLING}}} {{the,}} {{,entire ,whole }}cell",
    ("nuclear_cytoplasmic_ratio", "low"): f"{{{_FILLING}}} {{,only }}{{{_LITTLE}}} of {{the,its,this}} "
    "{cell,cell area,cell volume,cell body,cytoplasm}",
}
"""(key, value) -> wordings that state it whatever the noun."""

PLAIN: str = (
    "{non segmented,nonsegmented,unsegmented}|but not {conclusive,diagnostic,specific,definitive} {of,for}"
    "|{other than,apart from,aside from,except for}|rich in"
    "|{distributed,arranged,spread,scattered,placed} {irregularly,regularly,evenly,unevenly}"
    "|{irregularly,regularly} {distributed,spread,scattered,placed}"
    "|in the {middle,center}|{dark,darkly,deeply,heavily,intensely,strongly,pale,palely,lightly} {staining,stained}"
    "|all in all|all told"
    "|among them|amongst them|between them|blue gray|gray blue|grayish blue|bluish gray|blue green|pinkish purple"
    "|purplish pink|reddish purple|purplish red"
    "|pink purple|violet pink|violet red|pink red|red purple|blue black|pinkish red|reddish pink|red violet"
    "|pink violet|purple pink|purple red|reddish violet|pinkish violet|red blue|pink blue|gray purple|band of"
    "|bands of|small number of|large number of|large numbers of|small numbers of|on the other hand|high power"
    "|high magnification|low magnification|low power|large group|small group|as well|large degree|medium power"
    "|aspect ratio|small talk|small print|big picture|big deal|little by little|at large"
    "|round off|rounds off|round the clock|round trip|fine line|high time|in the open"
    "|oil immersion|high quality|high resolution|low resolution|high cost|low cost|close up|not only|no more than"
    "|no doubt|without doubt|not unlike|open source|clear image|clear picture|small image|such as|of note|no longer"
    "|in keeping with|consistent with|compatible with|suggestive of"
    "|in line with|according to|at least|by contrast|not necessarily|small dot|a large proportion"
    "|a large part|a large portion|point|high confidence|low confidence"
    "|moderate confidence|large area|small area|not just|nothing but|light microscope|light microscopy|wright giemsa"
    "|may grunwald|coarse focus|prominent feature|clear evidence|clearly|dense smear|is not only|clear zone"
    "|clear halo|perinuclear|large portion|red blood|round robin|loose term|high grade|low grade"
)
"""Wordings that state nothing, listed because a part of them would."""
