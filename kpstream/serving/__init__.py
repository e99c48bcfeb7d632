"""What the local endpoint and the page share: listening, a quiet uvicorn on a thread, and the sizes of pictures."""
