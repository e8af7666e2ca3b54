"""What a process holds with whole and with sharded parameters; section 5 of lesson 24.

Each rank saves the bytes of its parameters, gradients and optimizer, and how far the two trained
models are apart.
"""

import torch
import torch.distributed as dist
from net import loss_fn, make_model, take_share
from ranks import say
from torch import nn, optim
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
inputs, targets = take_share(rank, world)


def own_part(tensor):
    """Return what this process holds of a tensor."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def train(model):
    """Make five steps; return the bytes of parameters, gradients and optimizer held here."""
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(5):
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    parameters = list(model.parameters())
    averages = [v for state in optimizer.state.values() for v in state.values() if v.dim()]
    kinds = parameters, [p.grad for p in parameters], averages
    return [sum(own_part(tensor).nbytes for tensor in kind) for kind in kinds]


whole = DistributedDataParallel(make_model())
sharded = make_model()
mesh = init_device_mesh("cpu", (world,))
for layer in sharded:
    if isinstance(layer, nn.Linear):
        fully_shard(layer, mesh=mesh)
fully_shard(sharded, mesh=mesh)

weight = sharded[1].weight
say(f"holds {tuple(weight.to_local().shape)} of a weight {tuple(weight.shape)}")
held = {"whole": train(whole), "sharded": train(sharded)}
pairs = zip(sharded.parameters(), whole.module.parameters(), strict=True)
gap = max((p.full_tensor() - q).abs().max().item() for p, q in pairs)
torch.save({"held": held, "gap": gap}, f"shard_{rank}.pt")
dist.destroy_process_group()
