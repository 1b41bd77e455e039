"""What a wheel carries beside the package: configs, weights and metadata, in bundle/root/.

They lie in the repository's own folders, which are the bundle's root for `python -m monai.bundle run`; a
wheel gets them from there, so that there is one copy. `bundle.common.root` finds them in both places.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["bundle", "bundle.*"]), "bundle.root.configs", "bundle.root.models"],
    package_dir={"bundle.root.configs": "configs", "bundle.root.models": "models"},
    package_data={
        "bundle.root.configs": ["*.yaml", "metadata.json", "logging.conf", "*/*.yaml"],
        "bundle.report": ["assets/*"],
        "bundle.root.models": ["*.pt", "training_card.json"],
    },
)
