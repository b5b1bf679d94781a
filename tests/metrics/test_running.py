"""torchmetrics equal the functions of rows, batch by batch and over ranks."""

import pytest
import torch
import torch.multiprocessing as processes
from metrics.drawn import rows
from torch import distributed
from torchmetrics import MetricCollection

from hemblip.metrics import AttributeAccuracy, CaptionText, score
from hemblip.morphology import KEYS
from hemblip.predictions import TRUE_PREFIX


def given(table):
    truth = [{key: row[TRUE_PREFIX + key] for key in KEYS} for row in table.to_dict("records")]
    return table["caption"].tolist(), truth, table["reference"].tolist()


def check(found, table):
    expected = score(table)
    for name in ("accuracy", "macro_f1", "bleu", "rouge_l", "sacrebleu"):
        assert found[name].item() == pytest.approx(expected[name], rel=1e-12), name
    for key, each in expected["attributes"].items():
        assert found[f"accuracy_{key}"].item() == pytest.approx(each["accuracy"], rel=1e-12)
    assert {name for name in found if name.startswith("accuracy_")} == {f"accuracy_{k}" for k in expected["attributes"]}


def updated(accuracy, text, table):
    captions, truth, references = given(table)
    for start in range(0, len(captions), 7):
        some = slice(start, start + 7)
        accuracy.update(captions[some], truth[some])
        text.update(captions[some], references[some])


def test_batches_add_up_to_the_scores_of_rows():
    table = rows(60)
    table[TRUE_PREFIX + "diagnosis"] = "healthy"  # one value: means leave it out
    accuracy, text = AttributeAccuracy(), CaptionText()
    assert accuracy.compute() == {} and text.compute() == {}
    updated(accuracy, text, table)
    check({**accuracy.compute(), **text.compute()}, table)
    accuracy.reset()
    assert accuracy.compute() == {}


def test_attributes_that_were_read_already_count_the_same_and_odd_values_are_named():
    table = rows(20)
    captions, truth, _ = given(table)
    read = [{key: row[key] for key in KEYS} for row in table.to_dict("records")]
    one, other = AttributeAccuracy(), AttributeAccuracy()
    one.update(captions, truth)
    other.update(read, truth)
    assert one.compute() == other.compute()
    with pytest.raises(KeyError, match="unknown cell_size 'huge'"):
        one.update(["A cell."], [{"cell_size": "huge"}])
    assert set(MetricCollection({"attributes": AttributeAccuracy()}).keys()) == {"attributes"}


def rank(number, address, queue):
    distributed.init_process_group("gloo", init_method=f"file://{address}", rank=number, world_size=2)
    table = rows(61)
    accuracy, text = AttributeAccuracy(), CaptionText()
    updated(accuracy, text, table.iloc[number::2])
    found = {**accuracy.compute(), **text.compute()}
    if number == 0:
        queue.put({name: value.item() for name, value in found.items()})
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_give_the_scores_of_one(tmp_path):
    queue = processes.get_context("spawn").SimpleQueue()
    processes.spawn(rank, (str(tmp_path / "meet"), queue), nprocs=2, join=True)
    check({name: torch.tensor(value, dtype=torch.float64) for name, value in queue.get().items()}, rows(61))
