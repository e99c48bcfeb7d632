"""What streams are made of: frames, sound, and JPEG; which frames are wanted where fewer are shown than come."""
