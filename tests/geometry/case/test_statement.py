"""The sentences of a case say what the tables say, and no more."""

from bundle.geometry.case.statement import statement

ROW = {"length_mm": 100.4, "proximal_diameter_mm": 3.44, "gap_mm": 0.0}
LESION = {
    "branch": "LAD", "scct_segment": 6, "at_mm": 21.7, "percent_diameter_stenosis": 61.8, "percent_low": 47.0,
    "percent_high": 76.0, "assessable": True, "not_assessable_because": "",
}  # fmt: skip


def rows(*names, **more):
    return [ROW | {"name": name} | more for name in names]


def test_vessels_that_are_seen_and_those_that_are_not():
    text = statement(rows("LM", "LAD", "D1", "unknown"), [], "not seen")
    assert "Seen: LM 100 mm (proximal 3.4 mm wide), LAD 100 mm" in text
    assert "Side branches: D1." in text and "1 branch has no name (100 mm)." in text
    assert "Not seen or not recognised: LCx, RCA." in text
    assert "dominance is not said" in text and text.endswith("for research use only.")


def test_a_vessel_in_two_pieces_is_one_vessel():
    assert "RCA 201 mm in 2 pieces" in statement(rows("RCA", "RCA"), [], "right")


def test_a_narrowing_has_its_range_and_its_place():
    text = statement(rows("LAD"), [LESION], "right")
    assert "Diameter narrowed by 62 % (47 to 76): LAD, segment 6, 22 mm from its start." in text
    assert "Dominance: right." in text and "No narrowing" not in text


def test_what_cannot_be_judged_is_not_given_a_percentage():
    vague = LESION | {"assessable": False, "not_assessable_because": "the mask is interrupted there"}
    text = statement(rows("LAD", gap_mm=2.6), [vague], "right")
    assert "No narrowing was found where one can be judged." in text and "62 %" not in text
    assert "LAD, segment 6, 22 mm from its start (the mask is interrupted there)" in text
    assert "was bridged: LAD over 3 mm" in text


def test_without_a_known_vessel_nothing_is_missed():
    text = statement(rows("unknown"), [], "not seen")
    assert "No main coronary artery was recognised." in text and "Not seen or" not in text


def vessel(name, clear=True, why=""):
    return {"name": name, "length_mm": 88.2, "no_narrowing_50": clear, "seen_to_its_end": not why,
            "not_seen_because": why}  # fmt: skip


def test_no_narrowing_is_said_of_vessels_that_are_seen_to_their_end_alone():
    vessels = [vessel("LM"), vessel("LAD", False), vessel("RCA", False, "the mask is interrupted")]
    text = statement(rows("LM", "LAD", "RCA"), [], "right", vessels)
    assert "Seen to the end, no narrowing of 50 % or more: LM." in text
    assert "nothing is said of the rest: RCA (88 mm; the mask is interrupted)." in text
    assert "plaque" not in text


def test_what_the_ct_shows_of_a_narrowing_is_said_behind_its_place():
    seen = LESION | {"percent_in_image": 55.2, "narrows_in_image": True, "calcium_mm3": 0.0}
    text = statement(rows("LAD"), [seen], "right")
    assert "22 mm from its start; the image narrows there too, by about 55 %." in text
    calcified = seen | {"percent_in_image": 99.0, "calcium_mm3": 4.2}  # calcium counts as no lumen there
    text = statement(rows("LAD"), [calcified], "right")
    assert "22 mm from its start; calcium beside it: blooming" in text and "99 %" not in text
    unseen = LESION | {"percent_in_image": None, "narrows_in_image": None, "calcium_mm3": None}
    text = statement(rows("LAD"), [unseen], "right")
    assert "image" not in text and "calcium" not in text
    vague = LESION | {
        "assessable": False,
        "not_assessable_because": "a branch leaves there",
        "calcium_mm3": 2.0,
    }
    assert "(a branch leaves there; calcium beside it)" in statement(rows("LAD"), [vague], "right")
