"""What does the work inside: code, requests, data transformation, files."""

from nodes.action.data_transformation import DataTransformation
from nodes.action.file_operation import FileOperation
from nodes.action.http_request import HttpRequest
from nodes.action.run_code import RunCode

EXECUTORS = (RunCode, HttpRequest, DataTransformation, FileOperation)
