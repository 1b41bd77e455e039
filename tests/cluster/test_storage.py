"""Scans and results behind S3's own protocol: a server of this machine, spoken to over HTTP."""

from __future__ import annotations

import json
import shutil

import pytest
from cluster_results import KEYS, OPTIONS, contents, table
from inference_run import CONFIG, CONTRAST
from monai.bundle import ConfigParser
from tube_cases import tube_case
from typed import ROOT, coronary, sets

from bundle.cluster import list_scans
from bundle.cluster.storage import CaseStore
from bundle.cluster.worker import CaseWorker
from bundle.common.errors import InputError
from bundle.common.files import sha256_of

pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
BUCKET = "s3://bucket"


@pytest.fixture(scope="module")
def server():
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket, and its file system."""
    keys = {"AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for name, value in (keys | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    system = CaseStore(BUCKET).system
    system.clear_instance_cache()
    system = CaseStore(BUCKET).system
    if system.exists("bucket"):
        system.rm("bucket", recursive=True)
    system.mkdir("bucket")
    return system


@pytest.fixture
def scans(tmp_path, bucket, weights):
    """Two scans and a file that is none, in a folder and in the bucket."""
    for number in range(2):
        tube_case(tmp_path / "scans", f"c{number}", seed=number)
    (tmp_path / "scans" / "broken.img.nii.gz").write_bytes(b"not an image")
    bucket.put(str(tmp_path / "scans"), "bucket/scans", recursive=True)
    return tmp_path


def test_scans_are_found_and_called_as_in_a_folder(scans, bucket):
    for hidden in (".hidden/c2.nii.gz", "._c0.img.nii.gz", "__MACOSX/c3.nii.gz"):
        bucket.pipe_file(f"bucket/scans/{hidden}", b"")
    found = list_scans(f"{BUCKET}/scans")
    assert [item["case"] for item in found] == ["broken", "c0", "c1"]  # without the labels
    assert found[1]["image"] == f"{BUCKET}/scans/c0.img.nii.gz"
    assert list_scans([found[1]["image"], str(scans / "scans" / "c1.img.nii.gz")]) == [
        found[1],
        {"image": str(scans / "scans" / "c1.img.nii.gz"), "case": "c1"},
    ]
    with pytest.raises(InputError, match="there is no scan below 's3://bucket/nothing'"):
        list_scans(f"{BUCKET}/nothing")


def test_a_bucket_that_is_not_there_is_one_sentence(bucket):
    with pytest.raises(InputError, match=r"output_dir 's3://nobody/out' cannot be written to \("):
        CaseStore("s3://nobody/out").check()


def test_two_scans_of_one_name_are_refused(scans, bucket):
    bucket.copy("bucket/scans/c0.img.nii.gz", "bucket/scans/more/c0.img.nii.gz")
    with pytest.raises(InputError, match="c0"):
        list_scans(f"{BUCKET}/scans")


def worker(weights):
    config = ConfigParser.load_config_files([str(CONFIG), str(ROOT / "configs" / "modes" / "cluster.yaml")])
    config |= {"bundle_root": str(ROOT), "ckpt_path": str(weights), "device": "cpu", "network_def": CONTRAST}
    config |= {"spatial_size": [48, 48, 32]}
    config["geometry"] |= {"pictures": False, "scene": "results"}
    return CaseWorker(config, str(ROOT), f"{BUCKET}/results")


def test_a_worker_puts_a_case_away_whole_and_keeps_it(scans, bucket, weights, monkeypatch):
    """The report comes last: a case is whole where it stands. A lost file or another scan begins it anew."""
    first, item = worker(weights), list_scans(f"{BUCKET}/scans")[1]
    assert first.start(item)["reason"] == ""
    put, put_file = [], CaseStore.upload
    monkeypatch.setattr(CaseStore, "upload", lambda self, *a: put.extend(a[1]) or put_file(self, *a))
    answer = first.run(item)
    assert (answer["reason"], answer["row"]["status"]) == ("", "ok")
    assert put[-1] == "c0.json" and "c0_seg.nii.gz" in put and len(put) == len(set(put))
    report = CaseStore(f"{BUCKET}/results").read("c0")
    assert report["record"]["scan_sha256"] == sha256_of([scans / "scans" / "c0.img.nii.gz"])
    sizes = CaseStore(f"{BUCKET}/results").sizes("c0")
    assert {name: sizes[name] for name in report["record"]["file_bytes"]} == report["record"]["file_bytes"]

    assert first.run(item)["row"]["kept"] == "yes"
    bucket.rm_file("bucket/results/c0/c0_seg.nii.gz")
    assert "kept" not in first.run(item)["row"]
    assert first.run(item)["row"]["kept"] == "yes"
    bucket.put_file(str(scans / "scans" / "c1.img.nii.gz"), "bucket/scans/c0.img.nii.gz")
    bucket.pipe_file("bucket/results/c0/notes.txt", b"a person's")
    assert "kept" not in first.run(item)["row"]
    assert bucket.cat_file("bucket/results/c0/notes.txt") == b"a person's"

    bucket.pipe_file("bucket/scans/c0.img.nii.gz", b"not an image")
    answer = first.run(item)
    assert (
        answer["reason"].startswith(f"'{BUCKET}/scans/c0.img.nii.gz' is not an image") and not answer["trace"]
    )
    assert set(CaseStore(f"{BUCKET}/results").sizes("c0")) == {"notes.txt"}
    bucket.put_file(str(scans / "scans" / "c0.img.nii.gz"), "bucket/scans/c0.img.nii.gz")
    assert first.run(item)["reason"] == ""
    bucket.rm_file("bucket/scans/c0.img.nii.gz")
    assert first.run(item)["reason"] == f"'{BUCKET}/scans/c0.img.nii.gz' is not there any more."
    assert set(CaseStore(f"{BUCKET}/results").sizes("c0")) == {"notes.txt"}  # nothing of the run before


@pytest.mark.slow
def test_a_run_from_bucket_to_bucket_gives_the_files_of_a_folder(scans, bucket, weights, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.chdir(scans)
    words = [*OPTIONS, *sets(**KEYS, ckpt_path=str(weights), **{"geometry#scene": "results"})]
    folder = coronary(monkeypatch, "segment", "scans", "--out", "results", *words)
    words += ["--cluster", "local", *sets(**{"cluster#num_cpus": 0.5, "cluster#local_cpus": 1})]
    stored = coronary(monkeypatch, "segment", f"{BUCKET}/scans", "--out", f"{BUCKET}/results", *words)
    assert folder.code == stored.code == 1
    assert stored.last == folder.last.replace("'scans/", f"'{BUCKET}/scans/").replace(
        "results/summary", f"{BUCKET}/results/summary"
    )
    bucket.get("bucket/results", str(scans / "fetched"), recursive=True)
    assert contents(scans / "fetched") == contents(scans / "results")
    rows = json.loads(json.dumps(table(scans / "fetched")).replace(f"{BUCKET}/", ""))
    assert rows == table(scans / "results")
    assert (scans / "fetched" / "run.log").is_file()
    theirs, ours = ((scans / name / "index.html").read_text() for name in ("results", "fetched"))
    assert len(ours) > 1000 and ours.replace(f"{BUCKET}/", "") == theirs

    again = coronary(monkeypatch, "segment", f"{BUCKET}/scans", "--out", f"{BUCKET}/results", *words)
    assert again.code == 1
    shutil.rmtree(scans / "fetched")
    bucket.get("bucket/results", str(scans / "fetched"), recursive=True)
    assert [row["kept"] for row in table(scans / "fetched")] == ["", "yes", "yes"]
