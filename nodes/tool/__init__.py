"""What an agent may use, or a workflow call for each item: MCP servers, calendars, mail, HTTP."""

from nodes.tool.calendar import CalendarTool
from nodes.tool.email import EmailTool
from nodes.tool.http import HttpTool
from nodes.tool.mcp import Mcp

EXECUTORS = (Mcp, CalendarTool, EmailTool, HttpTool)
