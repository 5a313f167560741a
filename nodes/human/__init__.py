"""What asks people and waits for their answers."""

from nodes.human.app import App
from nodes.human.discord import Discord
from nodes.human.gmail import Gmail
from nodes.human.slack import Slack
from nodes.human.telegram import Telegram

EXECUTORS = (App, Slack, Discord, Telegram, Gmail)
