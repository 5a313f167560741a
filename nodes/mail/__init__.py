"""How nodes write and send mail: accounts, messages, SMTP."""
