"""The HTTP side: REST for every method, webhooks, forms, chats, approvals, callbacks of vendors, and the web."""
