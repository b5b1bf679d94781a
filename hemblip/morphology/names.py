"""Names of cell types and of leukemias.

Everything is written in lower case, American spelling, without hyphens: `tokens.normalise` brings text into that form.
"""

from collections.abc import Mapping

CELL_TYPES: Mapping[str, str] = {
    "neutrophil": "neutrophil|neut|neutro|neutrophilic granulocyte|neutrophil granulocyte|pmn|neutrophile"
    "|neutrophilic leukocyte"
    "|polymorph|polymorphonuclear neutrophil|polymorphonuclear leukocyte|neutrophil cell|neutrophilic cell",
    "eosinophil": "eosinophil|eo|eos|eosinophilic granulocyte|eosinophil granulocyte|eosinophile"
    "|eosinophilic leukocyte"
    "|eosinophil cell",
    "basophil": "basophil|baso|basophilic granulocyte|basophil granulocyte|basophile|basophilic leukocyte"
    "|basophil cell",
    "lymphocyte": "lymphocyte|lymph|lympho|lymphocytic cell|lymphoid cell|lymphocyte cell",
    "monocyte": "monocyte|mono|monocytic cell|monocyte cell",
    "myeloblast": "myeloblast|myeloid blast|myeloblastic cell|myeloblast cell|granulocytic blast",
    "lymphoblast": "lymphoblast|lymphoid blast|lymphoblastic cell|lymphoblast cell|lymphatic blast",
    "monoblast": "monoblast|monocytic blast|monoblastic cell|monoblast cell",
    "promonocyte": "promonocyte|promonocytic cell|promonocyte cell",
    "myelocyte": "myelocyte|myelocyte cell",
    "metamyelocyte": "metamyelocyte|meta myelocyte|metamyelocyte cell",
    "abnormal promyelocyte": "abnormal promyelocyte|atypical promyelocyte|leukemic promyelocyte"
    "|malignant promyelocyte|neoplastic promyelocyte|dysplastic promyelocyte|hypergranular promyelocyte"
    "|abnormal promyelocytic cell|faggot cell|aberrant promyelocyte",
    "atypical lymphocyte": "atypical lymphocyte|reactive lymphocyte|activated lymphocyte|variant lymphocyte"
    "|abnormal lymphocyte|atypical lymphoid cell|abnormal lymphoid cell|atypical lymphocytic cell"
    "|atypical looking lymphocyte|atypical appearing lymphocyte|aberrant lymphocyte|virocyte",
    "promyelocyte": "promyelocyte|promyelocytic cell",
    "other": "plasma cell|plasmacyte|megakaryocyte|hairy cell|prolymphocyte|granulocyte|agranulocyte|erythroblast"
    "|normoblast|mast cell"
    "|nucleated red cell|nucleated red blood cell|nrbc|smudge cell|macrophage|immature lymphoid cell"
    "|immature lymphocytic cell|immature lymphocyte"
    "|precursor lymphoid cell|lymphoid precursor|histiocyte|proerythroblast",
}
"""Type -> names in the singular, separated by `|`; the last two types are outside the schema."""

ATYPICAL: Mapping[str, str] = {"lymphocyte": "atypical lymphocyte", "promyelocyte": "abnormal promyelocyte"}
"""Type -> what it is called where the text calls it atypical, however far from its name."""

DISEASES: Mapping[str, str] = {
    "ALL": "{lymphoblastic,lymphocytic,lymphoid,lymphatic} leukemia , acute|all leukemia|all {l1,l2,l3}"
    "|acute {lymphoblastic,lymphocytic,lymphoid,lymphatic} leukemia"
    "|acute {lymphoblastic,lymphocytic,lymphoid} disease|acute {lymphoblastic,lymphocytic} leukemic"
    "|lymphoblastic leukemia|b lymphoblastic leukemia|t lymphoblastic leukemia|acute {b,t} lymphoblastic leukemia"
    "|acute {b,t} cell {lymphoblastic,lymphocytic} leukemia|b all|t all|{b,t} cell all|pre b all|precursor b all"
    "|b cell acute {lymphoblastic,lymphocytic} leukemia|t cell acute {lymphoblastic,lymphocytic} leukemia"
    "|acute lymphoblastic|leukemia acute lymphoblastic|acute leukemia of lymphoid {lineage,origin,type}"
    "|lymphoid acute leukemia",
    "AML": "{myeloid,myelogenous,myeloblastic} leukemia , acute"
    "|acute {myeloid,myelogenous,myeloblastic,myelocytic,monocytic,monoblastic,myelomonocytic,granulocytic,"
    "nonlymphocytic,erythroid,megakaryoblastic,megakaryocytic} leukemia"
    "|acute non lymphocytic leukemia|aml|amol|amml|anll"
    "|acute {myeloid,myelogenous,myeloblastic,monocytic,monoblastic} disease|acute myelo monocytic leukemia"
    "|acute {myeloid,myelogenous,myeloblastic,myelomonocytic}|{myeloblastic,monoblastic} leukemia"
    "|acute leukemia of myeloid {lineage,origin,type}|myeloid acute leukemia|aml {m0,m1,m2,m4,m5,m6,m7,m4eo,m5a,m5b}",
    "APML": "acute promyelocytic leukemia|acute promyelocyte leukemia|apl|apml|promyelocytic leukemia"
    "|hypergranular promyelocytic leukemia|acute promyelocytic|aml m3|m3 aml|m3 leukemia|fab m3|m3 subtype"
    "|acute {myeloid,myelogenous,myeloblastic} leukemia m3|m3|acute hypergranular promyelocytic leukemia|m3 variant"
    "|acute pro myelocytic leukemia|aml subtype m3|aml fab m3|aml , fab m3|aml , m3|fab type m3"
    "|acute {myeloid,myelogenous,myeloblastic} leukemia {subtype,type,fab} m3|acute progranulocytic leukemia|m3v"
    "|aml type m3",
    "CLL": "{lymphocytic,lymphoid,lymphatic} leukemia , chronic"
    "|chronic {lymphocytic,lymphoid,lymphatic,lymphoblastic} leukemia|cll|b cll|b cell cll"
    "|chronic b cell {lymphocytic,lymphoid} leukemia|cll / sll|chronic {lymphocytic,lymphoid,lymphatic}"
    "|b cell chronic lymphocytic leukemia|chronic b lymphocytic leukemia",
    "CML": "{myeloid,myelogenous,granulocytic} leukemia , chronic"
    "|chronic {myeloid,myelogenous,granulocytic,myelocytic,myeloblastic} leukemia|cml|chronic granulocytic"
    "|chronic {myeloid,myelogenous}|chronic phase cml|bcr abl1 positive chronic myeloid leukemia",
    "healthy": "healthy",
    "": "burkitt leukemia|lymphoma|{mantle cell,follicular,burkitt,hodgkin,non hodgkin"
    ",splenic marginal zone} lymphoma|lymphocytosis"
    "|reactive {lymphocytosis,process,changes}|myeloma|multiple myeloma|myelodysplastic syndrome|myelodysplasia|mds"
    "|leukemoid reaction|{viral ,bacterial ,}infection|infectious mononucleosis|hairy cell leukemia"
    "|prolymphocytic leukemia|chronic myelomonocytic leukemia|cmml|acute leukemia|chronic leukemia"
    "|chronic lymphoproliferative",
}
"""Diagnosis -> names; `{a,b}` are alternatives; the empty diagnosis is outside the schema."""
