"""Two scans of one person compared: growth, a stent's result, systole against diastole.

    python scripts/register.py results/baseline results/followup --out compared
    python scripts/register.py diastole_seg.nii.gz systole_seg.nii.gz --out compared

FIRST and SECOND are folders of a case, as inference and reconstruct.py write them, or masks of any tool. The
trees are laid on each other and their diameters compared place by place: a table, a picture, a record.
`coronary register` is the same command.
"""

from shared import run

from bundle.command import register_scans as main

if __name__ == "__main__":
    run(main, __doc__)
