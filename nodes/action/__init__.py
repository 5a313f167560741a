"""What does the work inside: code, requests, data transformation."""

from nodes.action.data_transformation import DataTransformation
from nodes.action.http_request import HttpRequest
from nodes.action.run_code import RunCode

EXECUTORS = (RunCode, HttpRequest, DataTransformation)
