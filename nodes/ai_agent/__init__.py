"""AI agents, and what they are equipped with: models, parsers of answers, splitters, rerankers."""

from nodes.ai_agent.data_integrator import DataIntegrator
from nodes.ai_agent.language_model import LanguageModelNode
from nodes.ai_agent.output_parser import OutputParserNode
from nodes.ai_agent.report_generator import ReportGenerator
from nodes.ai_agent.reranker import RerankerNode
from nodes.ai_agent.router_agent import RouterAgent
from nodes.ai_agent.task_analyzer import TaskAnalyzer
from nodes.ai_agent.text_splitter import TextSplitterNode

EXECUTORS = (
    RouterAgent,
    TaskAnalyzer,
    DataIntegrator,
    ReportGenerator,
    LanguageModelNode,
    OutputParserNode,
    TextSplitterNode,
    RerankerNode,
)
