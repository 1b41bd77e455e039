"""A run over many scans that survives a bad one: loading, evaluation, records, failures, summary."""

from .evaluator import CaseEvaluator
from .failures import FailureLog
from .loader import CaseLoader
from .progress import CaseProgress
from .records import CaseRecords
from .summary import CaseSummary, add_failed

__all__ = [
    "CaseEvaluator",
    "CaseLoader",
    "CaseProgress",
    "CaseRecords",
    "CaseSummary",
    "FailureLog",
    "add_failed",
]
