"""From files on disk to an acknowledged batch and a moved checkpoint.

In: directories to watch, a store, a state directory. Out: records in the store, malformed lines in the dead
letters, what could not be had in the loss ledger, offsets in the checkpoint. On a crash at any instant the
checkpoint is behind the store, never ahead of it: the next start re-reads, and keys make that harmless.

    disk -> discovery -> tracker -> tail -> formats -> batch -> store.append -> checkpoint

`shipper` is one turn of that path, `service` the loop around turns.
"""
