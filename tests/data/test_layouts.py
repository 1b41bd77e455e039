"""ASOCA, Decathlon, plain pairs, and folders that are none of them."""

import json
import os

import numpy as np
import pytest
from files import names, nifti, touch

from bundle.common.errors import InputError
from bundle.data.find import find_cases, find_images


def asoca(root):
    for group in ("Normal", "Diseased"):
        for n in range(1, 21):
            for kind in ("CTCA", "Annotations"):
                touch(root / group / kind / f"{group}_{n}.nrrd")
    return root


def test_asoca_parts_hold_normal_and_diseased_in_proportion(tmp_path):
    cases = find_cases(asoca(tmp_path))
    for part, count in (("train", 14), ("validation", 2), ("test", 4)):
        for group in ("Normal", "Diseased"):
            assert sum(n.startswith(group) for n in names(cases[part])) == count
    item = cases["train"][0]
    assert item["label"] == item["image"].replace("CTCA", "Annotations")
    assert len(find_images(tmp_path)) == 40


def test_asoca_without_an_annotation(tmp_path):
    asoca(tmp_path)
    (tmp_path / "Normal/Annotations/Normal_7.nrrd").unlink()
    with pytest.raises(InputError, match=r"\(ASOCA\) have no label: '.*Normal_7\.nrrd'"):
        find_cases(tmp_path)


def decathlon(root, **lists):
    content = {}
    for key, cases in lists.items():
        content[key] = []
        for name, labelled in cases:
            entry = {"image": f"./images/{name}.nii.gz"}
            touch(root / entry["image"])
            if labelled:
                entry["label"] = f"./labels/{name}.nii.gz"
                touch(root / entry["label"])
            content[key].append(entry if labelled else entry["image"])
    (root / "dataset.json").write_text(json.dumps(content))
    return root


def test_decathlon_test_images_without_labels_serve_inference_only(tmp_path):
    training = [(f"a{n}", True) for n in range(10)]
    decathlon(tmp_path, training=training, test=[("t1", False), ("t2", False)])
    cases = find_cases(tmp_path)
    assert [len(cases[p]) for p in ("train", "validation", "test")] == [7, 1, 2]
    assert not {"t1", "t2"} & {n for items in cases.values() for n in names(items)}
    assert {"t1", "t2"} <= set(names(find_images(tmp_path)))


def test_decathlon_parts_with_labels_are_kept(tmp_path):
    training = [(f"a{n}", True) for n in range(4)]
    decathlon(tmp_path, training=training, validation=[("v", True)], test=[("t", True)])
    cases = find_cases(tmp_path)
    assert names(cases["train"]) == ["a0", "a1", "a2", "a3"]
    assert names(cases["validation"]) == ["v"] and names(cases["test"]) == ["t"]


def test_decathlon_bad_lists(tmp_path):
    decathlon(tmp_path, training=[("a", True), ("b", True)])
    (tmp_path / "labels/b.nii.gz").unlink()
    with pytest.raises(InputError, match=r"names './labels/b\.nii\.gz' in 'training', which is not on disk"):
        find_cases(tmp_path)
    decathlon(tmp_path, training=[("a", True), ("b", False)])
    with pytest.raises(InputError, match=r"have no label: '.*b\.nii\.gz'"):
        find_cases(tmp_path)
    decathlon(tmp_path, training=[("a", True)], test=[("a", True)])
    with pytest.raises(InputError, match="two images are called case 'a'"):
        find_cases(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json' is not JSON"):
        find_cases(tmp_path)


PAIRS = {
    "two folders": ("images/{}.nii.gz", "labels/{}.nii.gz"),
    "nnU-Net style folders": ("imagesTr/{}.nrrd", "labelsTr/{}.nrrd"),
    "one folder": ("{}.mha", "{}_label.mha"),
    "one folder, both named": ("{}_image.nii", "{}_seg.nii"),
    "a folder a case": ("{}/ct.nii.gz", "{}/segmentation.nii.gz"),
    "a folder a case, img and mask": ("{}/img.nii.gz", "{}/mask.nii.gz"),
    "upper case": ("{}.NII.GZ", "{}_LABEL.NII.GZ"),
}


@pytest.mark.parametrize(("image", "label"), PAIRS.values(), ids=PAIRS.keys())
def test_plain_pairs(tmp_path, image, label):
    for n in range(1, 11):
        touch(tmp_path / image.format(f"p{n}"))
        touch(tmp_path / label.format(f"p{n}"))
    cases = find_cases(tmp_path)
    assert len(cases["train"]) == 7
    everyone = sorted((i for items in cases.values() for i in items), key=lambda i: int(i["case"][1:]))
    assert names(everyone) == [f"p{n}" for n in range(1, 11)]
    for item in everyone:
        assert item["image"] == str(tmp_path / image.format(item["case"]))
        assert item["label"] == str(tmp_path / label.format(item["case"]))
    assert find_images(tmp_path) == [{"image": i["image"], "case": i["case"]} for i in everyone]


def test_train_and_test_folders_are_kept(tmp_path):
    for part, n in (("train", 1), ("train", 2), ("val", 3), ("test", 4)):
        touch(tmp_path / part / "images" / f"{n}.nii.gz")
        touch(tmp_path / part / "labels" / f"{n}.nii.gz")
    cases = find_cases(tmp_path)
    assert [names(cases[p]) for p in ("train", "validation", "test")] == [["1", "2"], ["3"], ["4"]]
    touch(tmp_path / "images/5.nii.gz")
    with pytest.raises(InputError, match="cases '5' lie in none of them"):
        find_cases(tmp_path)


def test_one_image_linked_into_train_and_test(tmp_path):
    for part, name in (("train", "a"), ("test", "b"), ("train", "c")):
        touch(tmp_path / part / f"{name}_label.nii.gz")
    touch(tmp_path / "train/a.nii.gz")
    touch(tmp_path / "train/c.nii.gz")
    os.symlink(tmp_path / "train/a.nii.gz", tmp_path / "test/b.nii.gz")
    with pytest.raises(InputError, match="are the same file"):
        find_cases(tmp_path, val_fraction=0)


def test_masks_of_other_structures_are_no_images(tmp_path):
    scan = nifti(tmp_path / "heart.nii.gz")
    nifti(tmp_path / "heart_aorta.nii.gz", np.uint8)
    with pytest.warns(UserWarning, match="1 8-bit masks are not images: 'heart_aorta"):
        assert find_images(tmp_path) == [{"image": str(scan), "case": "heart"}]


def test_a_broken_file_stays_in_the_list_so_that_its_case_is_reported(tmp_path):
    touch(tmp_path / "broken.nii.gz", "not an image")
    touch(tmp_path / "broken2.nrrd", "not an image")
    assert names(find_images(tmp_path)) == ["broken", "broken2"]


def test_a_single_file(tmp_path):
    scan = nifti(tmp_path / "x_0001.nii.gz")
    assert find_images(scan) == [{"image": str(scan), "case": "x_0001"}]
    with pytest.raises(InputError, match=r"notes\.txt' is not an image file: expected .* \.nii"):
        find_images(touch(tmp_path / "notes.txt"))


def test_results_of_a_run_are_no_images(tmp_path):
    touch(tmp_path / "eval/a/a_seg.nii.gz")
    touch(tmp_path / "eval/a/a_prob.nii.gz")
    with pytest.raises(InputError, match="found 2 image files such as"):
        find_images(tmp_path / "eval")


@pytest.mark.parametrize("find", [find_cases, find_images])
def test_folders_that_hold_nothing_usable(tmp_path, find):
    layouts = (
        r"ImageCAS .*ASOCA .*dataset\.json.*pairs .*"
        if find is find_cases
        else r"DICOM and files .*\.nii\.gz.*"
    )
    with pytest.raises(InputError, match=rf"looked for {layouts}; found nothing$"):
        find(tmp_path)
    touch(tmp_path / "notes1.txt")
    touch(tmp_path / "notes2.txt")
    with pytest.raises(InputError, match=r"looked for .*; found 2 files such as 'notes1\.txt'$"):
        find(tmp_path)
    touch(tmp_path / "IM0001.dcm")
    with pytest.raises(InputError, match=r"is DICOM, which only `coronary segment` reads .* dcm2niix"):
        find(tmp_path)
    expected = "a folder with ImageCAS" if find is find_cases else "an image file or a folder of images$"
    with pytest.raises(InputError, match=rf"gone' does not exist: expected {expected}"):
        find(tmp_path / "gone")


def test_images_without_any_label(tmp_path):
    nifti(tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="has 1 images but no labels"):
        find_cases(tmp_path)


def test_two_labels_for_one_image(tmp_path):
    nifti(tmp_path / "a.nii.gz")
    touch(tmp_path / "a_seg.nii.gz")
    touch(tmp_path / "a_mask.nii.gz")
    touch(tmp_path / "a_prob.nii.gz")
    with pytest.raises(InputError, match=r"case 'a' has two labels, '.*a_mask.*', '.*a_seg"):
        find_cases(tmp_path)
    assert names(find_images(tmp_path)) == ["a"]


@pytest.mark.parametrize(("gone", "noun"), [("labels/2.nii.gz", "label"), ("images/2.nii.gz", "image")])
def test_missing_pairs(tmp_path, gone, noun):
    for n in (1, 2, 3):
        touch(tmp_path / f"images/{n}.nii.gz")
        touch(tmp_path / f"labels/{n}.nii.gz")
    (tmp_path / gone).unlink()
    with pytest.raises(InputError, match=rf"1 of 3 cases .* have no {noun}: "):
        find_cases(tmp_path)
