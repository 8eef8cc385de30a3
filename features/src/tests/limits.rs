//! What becomes of keys that are hot or idle, and of new ones when memory is full: always said, never wrong in silence.
