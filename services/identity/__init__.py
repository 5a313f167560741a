"""Who calls: users, workspaces, roles, and what each may do."""
