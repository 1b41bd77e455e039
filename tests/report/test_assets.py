"""three.js as it was built: its hash and its licence stand beside it."""

import hashlib
import json

from bundle.report.html import ASSETS, as_script_text


def test_the_script_is_the_one_that_the_readme_tells_of():
    digest = hashlib.sha256((ASSETS / "three.min.js").read_bytes()).hexdigest()
    assert f"`{digest}`" in (ASSETS / "README.md").read_text()


def test_its_licence_is_beside_it():
    assert "The MIT License" in (ASSETS / "three.LICENSE").read_text()


def test_no_script_ends_its_own_tag():
    for path in ASSETS.glob("*.js"):
        assert "</script" not in path.read_text().lower(), path.name


def test_json_in_a_script_tag_cannot_end_it():
    text = as_script_text({"a": "</script><!--\u2028"})
    assert not set("<>\u2028") & set(text) and json.loads(text) == {"a": "</script><!--\u2028"}
