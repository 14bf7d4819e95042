"""What accepts connections: how many, how long they wait, uvicorn's protocols, start and end of the process."""
