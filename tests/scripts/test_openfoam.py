"""OpenFOAM reads the volume mesh: patches by name, metres, and a mesh that its own check passes."""

import numpy as np
import pytest
from shapes import scan, tube
from studies.openfoam import checked, why_no_openfoam

from bundle.geometry.case import export_case
from bundle.geometry.solver import why_no_mesher

REASON = why_no_mesher() or why_no_openfoam()


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.parametrize("boundary_layers", [0, 3])
def test_openfoam_reads_patches_by_name_in_metres(tmp_path, boundary_layers):
    mask, affine, _ = scan(
        (60, 30, 30), np.diag([0.5] * 3), lambda p: tube(p, [[-12, 0, 0], [12, 1, 1]], 1.6)
    )
    settings = {"pictures": False, "unit": "m", "volume_mesh": True, "boundary_layers": boundary_layers}
    report = export_case(mask, affine, tmp_path, "7", **settings)
    found = checked(tmp_path / "7_volume.msh", tmp_path / "foam")
    assert list(found["patches"]) == [patch["name"] for patch in report["solver_patches"]]
    assert set(found["patches"]) == {"wall", "inlet_branch_0", "outlet_branch_0"}
    assert found["check"] == "Mesh OK" and found["cells"] == report["volume_mesh"]["tetrahedra"]
    assert found["volume_m3"] == pytest.approx(report["volume_mesh"]["volume_mm3"] * 1e-9, rel=1e-3)
    assert 0.018 < found["size_m"][0] < 0.027


def test_a_program_that_fails_is_named(tmp_path, monkeypatch):
    program = tmp_path / "gmshToFoam"
    program.write_text("#!/bin/sh\necho '--> FOAM FATAL ERROR :'\necho '    no such file'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ValueError, match="gmshToFoam failed: no such file"):
        checked(tmp_path / "a.msh", tmp_path / "foam")


def test_without_openfoam_a_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("studies.openfoam.shutil.which", lambda name: None)
    assert why_no_openfoam() == "OpenFOAM is left out, for there is no gmshToFoam on the PATH"
    monkeypatch.setattr("studies.openfoam.shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("WM_PROJECT_DIR", raising=False)
    assert "etc/bashrc" in why_no_openfoam()
