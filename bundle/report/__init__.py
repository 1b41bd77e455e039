"""The pages that a person reads in a browser: one of each case, one of a cohort. No network, no MONAI."""

from .html import LARGEST_BYTES
from .index import HEAD_BYTES, INDEX, SUMMARY, case_reports, write_index
from .page import add_page, has_slices, page_name, remove_page, write_page
from .volume import shown_share

__all__ = [
    "HEAD_BYTES",  # of a case's page that a cohort's needs
    "INDEX",  # name of a cohort's page
    "LARGEST_BYTES",  # of a case's page
    "SUMMARY",  # name of the table of a run
    "add_page",  # to a case that has just been made
    "case_reports",  # of a folder of results
    "has_slices",  # of a case's page
    "page_name",  # of a case
    "remove_page",  # of an earlier run
    "shown_share",  # of points, by a CT
    "write_index",  # of a folder of results
    "write_page",  # of a case
]
