"""A run over many scans that survives a bad one: loading, evaluation, records, failures, summary."""

from .evaluator import CaseEvaluator
from .failures import FailureLog, fault_of
from .loader import CaseLoader
from .progress import CaseProgress
from .records import CaseRecords, clear_case, names_of_case
from .summary import COLUMNS, SUMMARY, CaseSummary, add_failed, print_summary

__all__ = [
    "COLUMNS",  # of summary.csv
    "SUMMARY",  # its name
    "CaseEvaluator",
    "CaseLoader",
    "CaseProgress",
    "CaseRecords",
    "CaseSummary",
    "FailureLog",
    "add_failed",
    "clear_case",
    "fault_of",  # what is said of an error
    "names_of_case",
    "print_summary",
]
