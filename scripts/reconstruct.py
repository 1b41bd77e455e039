"""From vessel masks or probability maps of any tool to surfaces, centrelines, measurements and pictures.

    python scripts/reconstruct.py a.nii.gz b.nrrd --out meshes
    python scripts/reconstruct.py a.nii.gz --out meshes --image ct.nii.gz --edge-length-mm 0.7 --solver
    python scripts/reconstruct.py a.nii.gz --out meshes --volume-mesh --boundary-layers 3 --unit m

NIfTI, NRRD, MHA. Each file becomes a folder DIR/<name>/ with mesh, point cloud, centreline, tables,
picture, page and <name>.json; a file that fails is reported at the end and does not stop the others. Beside
a mask <case>_seg that a run of the bundle wrote, its <case>_prob is used too, so that both measure one tree.
`coronary reconstruct` is the same command.
"""

from shared import run

from bundle.command import reconstruct_masks as main

if __name__ == "__main__":
    run(main, __doc__)
