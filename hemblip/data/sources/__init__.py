"""One class a dataset; each reads its published layout into a manifest."""

from hemblip.data.sources.blood_cell_atlas import BloodCellAtlas
from hemblip.data.sources.combined_csv import CombinedCSV
from hemblip.data.sources.contract import check_source
from hemblip.data.sources.folder import Folder
from hemblip.data.sources.image_files import ImageFiles
from hemblip.data.sources.label_table import LabelTable
from hemblip.data.sources.leukemiaattri import LeukemiaAttri
from hemblip.data.sources.manifest import Manifest
from hemblip.data.sources.question_file import QuestionFile
from hemblip.data.sources.source import Source, locate
from hemblip.data.sources.synthetic import Synthetic
from hemblip.data.sources.wbcatt import WBCAtt

__all__ = [
    "BloodCellAtlas",
    "CombinedCSV",
    "Folder",
    "ImageFiles",
    "LabelTable",
    "LeukemiaAttri",
    "Manifest",
    "QuestionFile",
    "Source",
    "Synthetic",
    "WBCAtt",
    "check_source",
    "locate",
]
