"""Write synthetic coronary CT angiograms in ImageCAS's layout, as `coronary phantoms` does.

python scripts/make_phantoms.py --count 20 --out data/phantoms        # scanner's matrix, 20 to 40 s a case
python scripts/make_phantoms.py --count 200 --small --out data/small  # 128 x 128 x 64, 1 to 3 s a case
python scripts/make_phantoms.py --shape 160 160 120                   # any other matrix
python scripts/make_phantoms.py --count 1 --dicom                     # also as DICOM, in data/phantoms-dicom
"""

from shared import run

from bundle.command import make_phantoms as main

if __name__ == "__main__":
    run(main, __doc__)
