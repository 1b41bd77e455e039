"""Slices of CT as one Enhanced CT image, PS3.3 section A.38."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedCTImageStorage, generate_uid

__all__ = ["multi_frame"]

_OF_A_SLICE = (
    "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "ContrastBolusAgent", "ConvolutionKernel",
    "ImageOrientationPatient", "ImagePositionPatient", "KVP", "PixelSpacing", "RescaleIntercept",
    "RescaleSlope", "RescaleType", "SliceLocation", "SliceThickness", "NominalPercentageOfCardiacPhase",
)  # fmt: skip


def multi_frame(slices: Sequence[Dataset]) -> Dataset:
    """One Enhanced CT Image Storage data set with a frame a slice, in their order.

    It is marked as derived, as an image that was converted is: an original one tells how the scanner turned.
    """
    image = Dataset()
    image.update({element.tag: element for element in slices[0] if element.keyword not in _OF_A_SLICE})
    image.file_meta = slices[0].file_meta
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = EnhancedCTImageStorage
    uid = generate_uid(entropy_srcs=[slices[0].SOPInstanceUID, "frames"])
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = uid
    image.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    image.InstanceNumber, image.NumberOfFrames = 1, len(slices)
    image.PixelPresentation, image.VolumetricProperties = "MONOCHROME", "VOLUME"
    image.VolumeBasedCalculationTechnique, image.ContentQualification = "NONE", "RESEARCH"
    image.MultienergyCTAcquisition = "NO"
    image.BurnedInAnnotation, image.LossyImageCompression, image.PresentationLUTShape = "NO", "00", "IDENTITY"
    image.AcquisitionContextSequence = Items()
    image.ContrastBolusAgentSequence = [_contrast()]
    dimension = generate_uid(entropy_srcs=[uid, "dimension"])
    image.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=dimension)]
    pointers = {"DimensionIndexPointer": 0x00209057, "FunctionalGroupPointer": 0x00209111}
    image.DimensionIndexSequence = [_item(DimensionOrganizationUID=dimension, **pointers)]
    image.SharedFunctionalGroupsSequence = [_shared(slices[0])]
    image.PerFrameFunctionalGroupsSequence = [_frame(number, s) for number, s in enumerate(slices, 1)]
    image.PixelData = b"".join(s.PixelData for s in slices)
    return image


def _item(**values) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _contrast() -> Dataset:
    code = {"CodeValue": "385420005", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Contrast agent"}
    route = {"CodeValue": "47625008", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Intravenous route"}
    return _item(
        ContrastBolusAgentNumber=1,
        ContrastBolusAdministrationRouteSequence=[_item(**route)],
        ContrastBolusIngredientCodeSequence=[_item(**code)],
        ContrastBolusVolume="70",
        ContrastBolusIngredientConcentration="350",
        ContrastBolusIngredientOpaque="YES",
        **code,
    )


def _shared(first: Dataset) -> Dataset:
    kind = _item(FrameType=["DERIVED", "PRIMARY", "VOLUME", "NONE"], PixelPresentation="MONOCHROME")
    kind.VolumetricProperties, kind.VolumeBasedCalculationTechnique = "VOLUME", "NONE"
    measures = _item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)
    return _item(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=first.ImageOrientationPatient)],
        CTImageFrameTypeSequence=[kind],
        FrameAnatomySequence=[
            _item(
                FrameLaterality="U",
                AnatomicRegionSequence=[
                    _item(CodeValue="80891009", CodingSchemeDesignator="SCT", CodeMeaning="Heart")
                ],
            )
        ],
        IrradiationEventIdentificationSequence=[_item(IrradiationEventUID=first.FrameOfReferenceUID)],
        ContrastBolusUsageSequence=[
            _item(
                ContrastBolusAgentNumber=1,
                ContrastBolusAgentAdministered="YES",
                ContrastBolusAgentDetected="YES",
            )
        ],
    )


def _frame(number: int, image: Dataset) -> Dataset:
    content = _item(StackID="1", InStackPositionNumber=number, DimensionIndexValues=[number])
    content.FrameAcquisitionNumber = image.AcquisitionNumber
    rescale = {k: image[k].value for k in ("RescaleIntercept", "RescaleSlope", "RescaleType") if k in image}
    frame = _item(
        FrameContentSequence=[content],
        PlanePositionSequence=[_item(ImagePositionPatient=image.ImagePositionPatient)],
        PixelValueTransformationSequence=[_item(**rescale)],
    )
    if "NominalPercentageOfCardiacPhase" in image:
        phase = image.NominalPercentageOfCardiacPhase
        frame.CardiacSynchronizationSequence = [_item(NominalPercentageOfCardiacPhase=phase)]
    return frame
