import numpy as np
import pytest
import pyvista as pv
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bundle.geometry.render import Label, opengl
from bundle.geometry.render.labels import draw_labels
from bundle.geometry.render.page import BACKGROUND, INK, MARK, Page
from bundle.geometry.render.picture import snapshot, turntable
from bundle.geometry.render.stage import Stage
from bundle.geometry.render.views import ANTERIOR, LEFT, SUPERIOR, view_at

can_draw = pytest.mark.skipif(opengl.why_no_pictures() is not None, reason=str(opengl.why_no_pictures()))


def weight(pixels):
    """Middle (x, y) of what is drawn, from -1 (left, top) to 1, and how much of the picture it covers."""
    drawn = np.abs(pixels.astype(int) - BACKGROUND).sum(axis=2) > 40
    rows, columns = np.nonzero(drawn)
    height, width = drawn.shape
    return 2 * columns.mean() / width - 1, 2 * rows.mean() / height - 1, drawn.mean()


def rendered(mesh, view):
    with Stage(mesh, np.full((mesh.n_points, 3), 200, np.uint8), (120, 120)) as stage:
        return stage.seen_from(view, 0.4)


def two_balls(direction):
    """A big ball and, 20 mm along `direction` (RAS), a bigger one, so that the picture leans that way."""
    far = pv.Icosphere(radius=6.0, center=20.0 * np.asarray(direction, float), nsub=3)
    return pv.merge([pv.Icosphere(radius=2.0, nsub=3), far])


@can_draw
@pytest.mark.parametrize(
    ("view", "direction", "sign"),
    [
        (ANTERIOR, (-1, 0, 0), (1, 0)),  # the patient's left is on the right of an anterior picture
        (ANTERIOR, (0, 0, 1), (0, -1)),
        (LEFT, (0, 1, 0), (-1, 0)),
        (SUPERIOR, (0, 1, 0), (0, -1)),
        (SUPERIOR, (-1, 0, 0), (-1, 0)),
    ],
)
def test_letters_stand_where_the_patients_sides_are(view, direction, sign):
    x, y, _ = weight(rendered(two_balls(direction), view))
    axis = 0 if sign[0] else 1
    assert np.sign((x, y)[axis]) == sign[axis] and abs((x, y)[axis]) > 0.1


@can_draw
def test_one_scale_and_nothing_cut_off(tmp_path):
    mesh = pv.Icosphere(radius=10.0, nsub=4, center=(50, -30, 200))
    assert snapshot(mesh, tmp_path / "a.png", mesh.points[:, 2], "Height (mm)", panel=(200, 220)) is None
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape[1] == 600
    covers = [weight(picture[40:180, 40 + k * 200 : 160 + k * 200])[2] for k in range(3)]
    assert max(covers) - min(covers) < 0.05


@can_draw
def test_a_narrowing_is_marked_where_it_is_in_every_view(tmp_path):
    mesh = pv.Box((0, 40, 0, 40, 0, 40)).triangulate()
    label = Label((38, 38, 4), "60 %", mark=True)  # right, anterior, inferior
    snapshot(mesh, tmp_path / "a.png", mesh.points[:, 2], "", panel=(400, 400), labels=[label])
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    for number, (right, down) in enumerate([(-1, 1), (-1, 1), (1, -1)]):  # left view: anterior is on the left
        panel = picture[:400, 400 * number : 400 * number + 400]
        rows, columns = np.nonzero(np.abs(panel - MARK).sum(axis=2) < 30)
        assert len(rows) > 10
        assert np.sign(columns.mean() - 200) == right and np.sign(rows.mean() - 200) == down


@given(
    places=st.lists(st.tuples(st.integers(-50, 450), st.integers(-50, 450)), min_size=1, max_size=12),
)
def test_words_of_labels_never_lie_on_each_other_and_stay_in_their_panel(places):
    page = Page(500, 400, 0)
    spots = []
    page.words = lambda at, words, fill: spots.append((*at, at[0] + sizes[0], at[1] + sizes[1]))
    sizes = page.size_of("OM1")
    draw_labels(page, [Label((0, 0, 0), "OM1")] * len(places), np.array(places), (0, 0, 400, 400))
    for k, (left, top, right, bottom) in enumerate(spots):
        assert left >= 0 and top >= 0 and right <= 400 and bottom <= 400
        assert all(right <= o[0] or o[2] <= left or bottom <= o[1] or o[3] <= top for o in spots[:k])


def test_words_are_as_large_as_they_are_said_to_be():
    page = Page(400, 400, 0)
    page.words((100, 100), "LAD 62 %")
    rows, columns = np.nonzero(np.abs(np.asarray(page.image).astype(int) - INK).sum(axis=2) < 200)
    width, height = page.size_of("LAD 62 %")
    assert columns.min() >= 100 and columns.max() <= 100 + width
    assert rows.min() >= 100 and rows.max() <= 100 + height


@can_draw
def test_a_turntable_begins_in_front_and_turns_to_the_patients_left(tmp_path):
    mesh = two_balls((-1, 0, 0))
    sentence = turntable(
        mesh, tmp_path / "a.gif", mesh.points[:, 0], "Place (mm)", "7", frames=4, size=(120, 120)
    )
    assert sentence is None
    frames = Image.open(tmp_path / "a.gif")
    assert frames.n_frames == 4 and frames.size[0] == 120
    leans = []
    for number in range(4):
        frames.seek(number)
        leans.append(weight(np.asarray(frames.convert("RGB"))[20:100, 12:108])[0])
    assert leans[0] > 0.1 and leans[2] < -0.1  # the big ball is to the left of the patient
    assert max(abs(leans[1]), abs(leans[3])) < 0.1


@pytest.mark.parametrize(
    ("angle", "title", "edges"),
    [
        (0, "Anterior", "RL"),
        (30, "LAO 30°", "RL"),
        (60, "LAO 60°", "AP"),
        (90, "Left", "AP"),
        (119.8, "LPO 60°", "AP"),
        (180, "Posterior", "LR"),
        (240, "RPO 60°", "PA"),
        (270, "Right", "PA"),
        (330, "RAO 30°", "RL"),
    ],
)
def test_the_views_of_a_turntable_are_named_as_in_angiography(angle, title, edges):
    view = view_at(angle)
    assert view.title == title and "".join(view.edges[:2]) == edges


@can_draw
@pytest.mark.parametrize("angle", [0, 60, 90, 170, 200, 290])
def test_the_letter_on_the_right_of_a_turned_view_is_on_the_right(angle):
    view = view_at(angle)
    direction = {"A": (0, 1, 0), "P": (0, -1, 0), "L": (-1, 0, 0), "R": (1, 0, 0)}[view.edges[1]]
    assert weight(rendered(two_balls(direction), view))[0] > 0.1


def test_a_machine_without_opengl_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "bundle.geometry.render.picture.why_no_pictures", lambda: "no pictures: install libosmesa6"
    )
    assert "libosmesa6" in snapshot(pv.Icosphere(), tmp_path / "a.png", np.zeros(42), "")
    assert not list(tmp_path.iterdir())


def test_a_probe_that_dies_names_the_package(monkeypatch):
    opengl._probe.cache_clear()
    monkeypatch.setattr(opengl, "_PROBE", "import os; os.abort()")
    assert "libosmesa6" in opengl.why_no_pictures()
    opengl._probe.cache_clear()
