"""An accelerator that is none: tensors of their own device, whose numbers live on the CPU.

What a GPU refuses is refused here as well: operations that mix its tensors with the CPU's, NumPy
on its tensors, and generators of another device; and, as on Apple's MPS, float64. So a lesson that
runs on it assumes nowhere that it runs on the CPU. It is made by torch's experimental means for
backends written in Python (`torch.utils.backend_registration`). Where it differs from a GPU: it
knows no strides, so `view` never fails; inference mode is `no_grad`; files hold its tensors as the
CPU's; `torch.jit.trace` sees nothing of what it does.
"""

import functools
from contextlib import nullcontext

import safetensors.torch
import torch
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

NAME = "pretend"
# Operations that torch hands to a backend by another name than the CPU's.
CPU_NAMES = {
    "aten::convolution_overrideable": torch.ops.aten.convolution.default,
    "aten::convolution_backward_overrideable": torch.ops.aten.convolution_backward.default,
    "aten::view": torch.reshape,  # the accelerator does not know how the CPU lays its numbers out
}


class Module(_DummyBackendModule):
    """What stands as torch.cuda does: its random numbers are the CPU's."""

    def get_rng_state(self, _=None) -> torch.Tensor:
        """Give the CPU's state."""
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, _=None) -> None:
        """Set the CPU's state."""
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Give what autocast may choose."""
        return [torch.bfloat16, torch.float16]


def wrap(numbers):
    """Make a tensor of the accelerator, with `numbers`, a tensor of the CPU, behind it."""
    if numbers.dtype in (torch.float64, torch.complex128):
        raise TypeError(f"the accelerator {NAME} has no {numbers.dtype}")
    tensor = torch._C._acc.create_empty_tensor(numbers.shape, numbers.dtype)
    # on the storage, for autograd copies tensors and shares their storage
    tensor.untyped_storage().numbers = numbers
    return tensor


def is_ours(value) -> bool:
    """Tell whether this is a tensor of the accelerator."""
    return isinstance(value, torch.Tensor) and value.device.type == NAME


def unwrap(value):
    """Give what the CPU can work with: the tensor behind a tensor, the CPU instead of us."""
    if is_ours(value):
        return value.untyped_storage().numbers
    return torch.device("cpu") if isinstance(value, torch.device) else value


def run_on_cpu(op, *args, **kwargs):
    """Do any operation on the numbers behind the tensors."""
    name = op.name().split(".")[0]
    if name in ("aten::_copy_from", "aten::_copy_from_and_resize"):
        unwrap(args[1]).copy_(unwrap(args[0]))
        return args[1]
    if name == "aten::copy_":
        unwrap(args[0]).copy_(unwrap(args[1]))
        return args[0]
    leaves, shape = pytree.tree_flatten((args, kwargs))
    ours = {id(unwrap(leaf)): leaf for leaf in leaves if is_ours(leaf)}
    foreign = [v for v in leaves if isinstance(v, torch.Tensor) and v.ndim and not is_ours(v)]
    if ours and foreign and not (name.startswith("aten::index") and is_ours(args[0])):
        say = f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu"
        raise RuntimeError(f"{say} in {name}")
    if any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"Expected a {NAME!r} device type for generator but found 'cpu'")
    args, kwargs = pytree.tree_unflatten([unwrap(leaf) for leaf in leaves], shape)
    result = CPU_NAMES.get(name, op)(*args, **kwargs)

    to_cpu = any(isinstance(leaf, torch.device) and leaf.type == "cpu" for leaf in leaves)

    def back(value):
        if to_cpu or not isinstance(value, torch.Tensor):
            return value
        if id(value) not in ours:
            return wrap(value)
        changed = ours[id(value)]  # in place
        if changed.shape != value.shape:
            changed.data = wrap(value)
        return changed

    return pytree.tree_map(back, result)


def install() -> tuple[torch.library.Library, ...]:
    """Make the accelerator known to torch; it is there as long as the libraries that are given."""
    _setup_privateuseone_for_python_backend(NAME, Module())
    library = torch.library.Library("aten", "IMPL")
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    for name in torch._C._dispatch_get_all_op_names():
        # detach and alias are torch's own: they make another tensor of the same storage
        own = name in ("aten::detach", "aten::alias") or has(name, "CompositeImplicitAutograd")
        if name.startswith("aten::") and not own:
            packet, _, overload = name.removeprefix("aten::").partition(".")
            op = getattr(getattr(torch.ops.aten, packet), overload or "default")
            library.impl(
                name.removeprefix("aten::"), functools.partial(run_on_cpu, op), "PrivateUse1"
            )
    # autocast lets every operation pass, so that it changes no type
    autocast = torch.library.Library("_", "IMPL", "AutocastPrivateUse1")
    autocast.fallback(torch.library.fallthrough_kernel)
    _mend()
    return library, autocast


def _mend() -> None:
    """Mend what of torch's Python knows only the devices that it ships with."""
    text = torch._tensor_str._tensor_str  # prints by float64, except on MPS
    torch._tensor_str._tensor_str = lambda tensor, indent: text(
        tensor.cpu() if is_ours(tensor) else tensor, indent
    )
    save, load = torch.Tensor.__reduce_ex__, torch.load  # files hold the numbers, as the CPU's

    def load_to(*args, map_location=None, **options):
        there = map_location is not None and torch.device(map_location).type == NAME
        content = load(*args, map_location="cpu" if there else map_location, **options)
        move = functools.partial(torch.Tensor.to, device=NAME)
        return pytree.tree_map_only(torch.Tensor, move, content) if there else content

    torch.Tensor.__reduce_ex__ = lambda self, protocol: save(
        self.cpu() if is_ours(self) else self, protocol
    )
    torch.load = load_to
    deepcopy, load_file = torch.Tensor.__deepcopy__, safetensors.torch.load_file
    torch.Tensor.__deepcopy__ = lambda self, memo: (
        memo.setdefault(id(self), self.clone()) if is_ours(self) else deepcopy(self, memo)
    )
    safetensors.torch.load_file = lambda path, device="cpu": {
        name: tensor.to(device) for name, tensor in load_file(path).items()
    }
    for name in ("_pack_padded_sequence", "_pad_packed_sequence", "lstm", "gru", "rnn_tanh"):
        setattr(torch._VF, name, functools.partial(_recur, getattr(torch._VF, name)))
    torch.accelerator.synchronize = lambda *_: None  # there is nothing to wait for
    # views in inference mode want more than such a backend has
    torch.inference_mode = lambda mode=True: torch.no_grad() if mode else nullcontext()


def _recur(function, inputs, *args):
    """Do what packs sequences, or runs over them, on the CPU's copies; whole numbers stay there.

    Lengths and batch sizes belong on the CPU, as for CUDA; all else belongs beside the inputs.
    """
    leaves, shape = pytree.tree_flatten(args)
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    for tensor in tensors:
        if tensor.is_floating_point() and is_ours(tensor) != is_ours(inputs):
            say = f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu"
            raise RuntimeError(f"{say} in {function.__name__}")
        if not tensor.is_floating_point() and is_ours(tensor):
            raise RuntimeError(f"lengths should be on the CPU, but are on {NAME}:0")
    if not is_ours(inputs):
        return function(inputs, *args)
    args = pytree.tree_unflatten(
        [leaf.cpu() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves], shape
    )
    return pytree.tree_map(
        lambda out: out.to(NAME) if out.is_floating_point() else out, function(inputs.cpu(), *args)
    )
