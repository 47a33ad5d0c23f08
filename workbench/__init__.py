"""The workbench: how data flows between agents, envs and run directories."""
