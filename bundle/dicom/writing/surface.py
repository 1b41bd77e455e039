"""The surface as an encapsulated STL, in the frame of reference of the images."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy

import highdicom as hd
from highdicom.base import SOPClass
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import EncapsulatedSTLStorage, ExplicitVRLittleEndian
from pydicom.valuerep import DT

from .case import FinishedCase
from .equipment import RESEARCH_USE, about
from .source import Source

__all__ = ["surface"]


def surface(case: FinishedCase, source: Source, segmentation: Dataset) -> SOPClass:
    """The bytes of `<case>_mesh.stl`, LPS mm, as the standard's Encapsulated STL Storage.

    Source: DICOM PS3.3, Encapsulated STL IOD, with its modules Encapsulated Document and Manufacturing 3D
    Model; highdicom has the modules of patient, study and equipment, and not this IOD.
    """
    first = source.first
    made = SOPClass(
        study_instance_uid=first.StudyInstanceUID,
        sop_class_uid=EncapsulatedSTLStorage,
        modality="M3D",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        patient_id=first.PatientID,
        patient_name=first.PatientName,
        patient_birth_date=first.PatientBirthDate,
        patient_sex=first.PatientSex,
        accession_number=first.AccessionNumber,
        study_id=first.StudyID,
        study_date=first.StudyDate,
        study_time=first.StudyTime,
        referring_physician_name=first.ReferringPhysicianName,
        specific_character_set=first.get("SpecificCharacterSet"),
        **about(case, "surface"),
    )
    made.copy_patient_and_study_information(first)
    made.FrameOfReferenceUID = first.FrameOfReferenceUID
    made.PositionReferenceIndicator = first.get("PositionReferenceIndicator")

    made.AcquisitionDateTime = DT(_acquired(first))
    made.BurnedInAnnotation = "NO"
    made.DocumentTitle = f"Lumen of the coronary arteries. {RESEARCH_USE}"
    made.ConceptNameCodeSequence = [hd.sr.CodedConcept.from_code(codes.cid7061.CT3DCAMModel)]
    made.MIMETypeOfEncapsulatedDocument = "model/stl"
    made.EncapsulatedDocumentLength = len(case.stl)
    made.EncapsulatedDocument = case.stl + b"\0" * (len(case.stl) % 2)
    made.MeasurementUnitsCodeSequence = [hd.sr.CodedConcept.from_code(codes.cid7063.Millimeter)]
    made.ModelMirroring = "NO"

    sources = [segmentation, *source.images]
    made.SourceInstanceSequence = [_reference(instance) for instance in sources]
    series = defaultdict(list)
    for instance in sources:
        series[instance.SeriesInstanceUID].append(_reference(instance))
    made.ReferencedSeriesSequence = []
    for uid, instances in series.items():
        item = Dataset()
        item.SeriesInstanceUID, item.ReferencedInstanceSequence = uid, deepcopy(instances)
        made.ReferencedSeriesSequence.append(item)
    return made


def _reference(instance: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.SOPClassUID
    item.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    return item


def _acquired(first: Dataset) -> str:
    """AcquisitionDateTime of the source; empty where it does not tell."""
    date = first.get("AcquisitionDate")
    return first.get("AcquisitionDateTime") or (f"{date}{first.get('AcquisitionTime') or ''}" if date else "")
