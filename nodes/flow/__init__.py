"""What decides where items go and when."""

from nodes.flow.filter import Filter
from nodes.flow.if_ import If
from nodes.flow.loop import Loop
from nodes.flow.merge import Merge
from nodes.flow.stop import Stop
from nodes.flow.subworkflow import Subworkflow
from nodes.flow.switch import Switch
from nodes.flow.wait import Wait

EXECUTORS = (If, Filter, Switch, Merge, Loop, Wait, Subworkflow, Stop)
