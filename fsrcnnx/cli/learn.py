"""The commands of the learning side: prepare, train, quantise, slim, level, export.

May import everything, heavy packages only inside a command.

    fsrcnnx prepare photographs/ -o train.h5
"""

from __future__ import annotations

import click

from fsrcnnx import limits
from fsrcnnx.cli.images import max_pixels_option
from fsrcnnx.cli.options import FILE, MODEL, NUMBER, protocol_option
from fsrcnnx.cli.unused import refuse
from fsrcnnx.errors import InputError
from fsrcnnx.files import made
from fsrcnnx.learn.rules import LOSSES, OPTIMISERS
from fsrcnnx.learn.shapes import FAMILY
from fsrcnnx.names import SPELT

device_option = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]),
                             default="auto", help="auto: a GPU if there is one.")
optimiser_option = click.option("--optimiser", type=click.Choice(OPTIMISERS),
                                help="Rule of the steps.")
teacher_option = click.option("--teacher", type=FILE, help="Weights of a larger network, whose "
                              "pictures make half of the loss; `none`: without.")

# of `quantise`
OF_FINE_TUNING = ("optimiser", "teacher", "lr", "rounds", "slope_digits", "even", "batch_size")


def _teacher(given, own, taught):
    """The file of the weights that teach: those given, or those of the recipe if it says so."""
    from fsrcnnx.exact.onnx.model import shipped_weights

    if given is None and taught and own.teacher:
        return shipped_weights(own.teacher)
    return None if str(given) == "none" else given


@click.command()
@click.argument("images", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="HDF5 file to write.")
@click.option("--scale", type=int, help="Upscaling factor.  [default: 2]")
@click.option("--model", help="Take the scale of this network, by name.")
@click.option("--aug", is_flag=True, help="Add each picture at 0.9, 0.8, 0.7 and 0.6 of its size.")
@click.option("--eval", "evaluation", is_flag=True, help="Whole pictures instead of patches.")
@click.option("--holdout", type=int, default=0,
              help="Every N-th picture is for --eval only; 0: none.")
@protocol_option
@click.option("--if-changed", is_flag=True,
              help="Leave a file that was made so of these very pictures as it is.")
@max_pixels_option
def prepare(images, output, scale, model, aug, evaluation, holdout, protocol, if_changed):
    """Turn a folder of pictures into one HDF5 file."""
    from fsrcnnx.learn import data, shapes

    if evaluation:
        refuse({"aug": "given, but --eval takes pictures as they are"})
    if model:
        own = shapes.find(model, "--model")[1]
        if scale not in (None, own):
            raise InputError(f"scale {scale}", where="--scale", allowed=f"{own}, as {model} has",
                             fix="leave it out")
        scale = own
    with made(output.parent):
        n = data.prepare(images, output, 2 if scale is None else scale, augment=aug,
                         evaluation=evaluation, holdout=holdout, protocol=protocol,
                         if_changed=if_changed)
    if n:
        click.echo(f"{output}: {n} {'pictures' if evaluation else 'patches'}")


@click.command()
@click.argument("train_file", type=FILE)
@click.argument("eval_file", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="Folder of weights.")
@click.option("--model", default=MODEL, help=f"Network to train: {', '.join(FAMILY)}, each with "
              f"_x2, _x3 or _x4; or a shape spelt out, as {SPELT}.")
@click.option("--loss", type=click.Choice(LOSSES),
              help="Squared error, or the mean of its logarithm over the patches; with a teacher, "
              "`joint` takes the logarithm of both errors' mean.")
@click.option("--expand", "factor", type=click.IntRange(1, 64),
              help="Train each layer as a product with this many times its channels between.")
@click.option("--hold/--no-hold", default=None,
              help="Without anchor: leave the picture in channel 0 as it is, learn what to add.")
@optimiser_option
@teacher_option
@click.option("--lr", type=NUMBER, help="Peak of the one-cycle schedule.")
@click.option("--batch-size", type=click.IntRange(1), default=16)
@click.option("--steps", type=click.IntRange(1, limits.STEPS))
@click.option("--epochs", type=click.IntRange(1), help="Epochs instead of steps.")
@click.option("--seed", type=click.IntRange(0, 1 << 62), default=123)
@click.option("--weights", type=FILE, help="Weights to start from.")
@device_option
def train(train_file, eval_file, output, model, epochs, steps, weights, teacher, device,
          **settings):
    """Train the float network; the same command resumes.

    What is not given is as for the shipped network of that name. `torchrun --nproc-per-node N -m
    fsrcnnx train ...` shares each batch between N processes, each on a GPU of its own or all on
    the CPU; so does `quantise`.
    """
    from fsrcnnx.exact.onnx.model import shipped_weights
    from fsrcnnx.learn import models
    from fsrcnnx.learn.training import recipes
    from fsrcnnx.learn.training import train as learn
    from fsrcnnx.learn.training.devices import assemble

    name = recipes.base(model)
    scale = models.find(name)[1]
    own = recipes.recipe(model)
    usual = {"loss": own.loss, "factor": own.expand, "hold": own.hold,
             "optimiser": own.optimiser, "lr": own.lr}
    settings = {key: usual.get(key) if value is None else value for key, value in settings.items()}
    if own.start and weights is None:
        weights = shipped_weights(own.start)
    if epochs is None:
        settings["steps"] = steps or own.steps
    elif steps is None:
        settings["num_epochs"] = epochs
    else:
        raise InputError("both given", where="--steps and --epochs", allowed="one of them")
    with assemble(device) as team, made(output):
        done = learn.train(train_file, eval_file, output, scale, weights_file=weights,
                           name=name, teacher=_teacher(teacher, own, own.taught), team=team,
                           **settings)
    if team.first:
        click.echo(f"{done.best}: {done.psnr:.2f} dB after {done.step} steps")


@click.command()
@click.argument("weights", type=FILE)
@click.argument("train_file", type=FILE, required=False)
@click.argument("eval_file", type=FILE, required=False)
@click.option("--data", "pictures", type=FILE, help="Folder of pictures instead of the two files; "
              "without --steps, calibration only.")
@click.option("-o", "--output", type=FILE, help="weights.pth to write; with --data the model's "
              "folder, by default that of WEIGHTS.")
@click.option("--bits", default="w8a8", help="Of weights and maps, w2a2 to w16a16; slopes have "
              "8, or w8a8s6 says how many; w8a8d2: at most two signed digits in a weight; "
              "w4a8-mixed: 8 bits in the first and the last layer.")
@click.option("--layer", "layers", multiple=True, metavar="NAME=BITS",
              help="Bits of a layer that differs, e.g. deconv=w8a8; repeatable.")
@click.option("--steps", type=click.IntRange(0, limits.STEPS),
              help="Steps of fine-tuning, and a tenth more for the biases; 0: calibration only; "
              "if not given, as for the shipped network.")
@optimiser_option
@teacher_option
@click.option("--lr", type=NUMBER, help="Peak rate of fine-tuning; the biases take a tenth of it.")
@click.option("--rounds", type=click.IntRange(0), help="Most rounds of the search for better "
              "weights, of 7 bits and fewer or few digits; if not given, as for the shipped one.")
@click.option("--slope-digits", type=click.IntRange(0, 8), help="Most signed digits of a PReLU "
              "slope, each an adder where nothing multiplies; 0: any number; if not given, 2 with "
              "weights of 7 bits and fewer or few digits, else any.")
@click.option("--contrast/--no-contrast", default=None, help="Whether patches from black to white "
              "lie beside the file's; if not given, with weights and maps of 8 bits and more.")
@click.option("--even/--no-even", default=True, show_default=True,
              help="Whether grays are made to stay themselves, at the end.")
@click.option("--batch-size", type=click.IntRange(1), default=16)
@click.option("--seed", type=click.IntRange(0, 1 << 62), default=123)
@device_option
@max_pixels_option
def quantise(weights, train_file, eval_file, pictures, output, bits, layers, steps, optimiser,
             teacher, lr, rounds, slope_digits, contrast, device, **settings):
    """Quantise float weights to the number contract.

    The same command resumes. TRAIN_FILE and EVAL_FILE are as `prepare` writes them. With --data,
    WEIGHTS may be a folder, as of `import`, and all files of the model are written.
    """
    from fsrcnnx.cli.quantise_pictures import quantise_pictures, sources_of
    from fsrcnnx.exact.emulate import Emulator
    from fsrcnnx.exact.even import measure
    from fsrcnnx.learn import store
    from fsrcnnx.learn.quantising import quantise as learn
    from fsrcnnx.learn.quantising.calibrate import MIXED, Bits, ends
    from fsrcnnx.learn.quantising.edges import usual_contrast
    from fsrcnnx.learn.quantising.slopes import usual_digits
    from fsrcnnx.learn.training import recipes
    from fsrcnnx.learn.training.devices import assemble

    weights, output = sources_of(weights, train_file, eval_file, output, pictures)
    if pictures:
        steps = steps or 0
    else:
        refuse({"max_pixels": "given without --data"})
    if steps == 0:
        refuse(dict.fromkeys(OF_FINE_TUNING, "given, but without steps nothing is fine-tuned"))
    usual, by_layer = Bits.parse(bits.removesuffix(MIXED), "--bits"), {}
    for layer in layers:
        name, _, own = layer.partition("=")
        by_layer[name] = Bits.parse(own, f"--layer {name}")
    model = store.load(weights)
    if bits.endswith(MIXED):
        by_layer = {**ends(model), **by_layer}
    own = recipes.recipe(f"{model.name}_{bits}")
    steps = own.fine if steps is None else steps
    if slope_digits is None:
        slope_digits = usual_digits([usual, *by_layer.values()])
    if contrast is None:
        contrast = usual_contrast([usual, *by_layer.values()])
    settings |= {"bits": usual, "layers": by_layer, "steps": steps, "contrast": contrast,
                 "optimiser": optimiser or own.optimiser,
                 "teacher": _teacher(teacher, own, own.fine_taught),
                 "lr": own.fine_lr if lr is None else lr,
                 "rounds": own.rounds if rounds is None else rounds,
                 "slope_digits": slope_digits if steps else 0}
    with assemble(device) as team:
        if pictures:
            quantise_pictures(weights, pictures, output, team, **settings)
            return
        with made(output.parent):
            done = learn.quantise(weights, train_file, eval_file, output, team=team, **settings)
    if team.first:
        click.echo(f"{output}: float {done.float_psnr:.2f} dB, calibrated "
                   f"{done.calibrated_psnr:.2f} dB, fine-tuned {done.psnr:.2f} dB; "
                   f"{done.network.content_hash()[:12]}")
        click.echo(f"constant frames: {measure(done.network, Emulator(done.network).stack)}")
        click.echo(f"largest loss of a picture: {done.loss:.2f} dB, number {done.worst} of "
                   f"{eval_file}")


@click.command()
@click.argument("weights", type=FILE)
@click.argument("train_file", type=FILE)
@click.argument("eval_file", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="weights.pth to write.")
@click.option("--digits", type=click.IntRange(1, 8), default=2, show_default=True,
              help="Most signed digits of a slope.")
@click.option("--rounds", type=click.IntRange(0), default=4, show_default=True,
              help="Most rounds of the search for weights of few bits that fit the slopes.")
def slim(weights, train_file, eval_file, output, digits, rounds):
    """Bring slopes of quantised weights to few signed digits.

    Each is an adder where nothing multiplies. `quantise` does so to weights of few bits. Grays that
    stayed themselves may no longer: `level` follows. TRAIN_FILE and EVAL_FILE are as `prepare`
    writes them.
    """
    from fsrcnnx.learn.quantising.rework import lighten as learn

    with made(output.parent):
        done = learn(weights, train_file, eval_file, output, digits=digits, rounds=rounds)
    click.echo(f"{output}: {done.before:.3f} dB, now {done.psnr:.3f} dB; "
               f"{done.network.content_hash()[:12]}")
    click.echo(f"slopes: {done.adders[0]} adders, now {done.adders[1]}")


@click.command()
@click.argument("weights", type=FILE)
@click.argument("train_file", type=FILE)
@click.argument("eval_file", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="weights.pth to write.")
def level(weights, train_file, eval_file, output):
    """Make grays of quantised weights stay themselves.

    `quantise` does so at its end. TRAIN_FILE and EVAL_FILE are as `prepare` writes them.
    """
    from fsrcnnx.exact.emulate import Emulator
    from fsrcnnx.exact.even import measure
    from fsrcnnx.learn.quantising.rework import straighten as learn

    with made(output.parent):
        done = learn(weights, train_file, eval_file, output)
    click.echo(f"{output}: {done.before:.3f} dB, now {done.psnr:.3f} dB; "
               f"{done.network.content_hash()[:12]}")
    click.echo(f"constant frames: {measure(done.network, Emulator(done.network).stack)}")


@click.command()
@click.argument("weights", type=FILE)
@click.option("-o", "--output", type=FILE, help="Folder to write; default: that of the weights.")
@click.option("--training-data", default="", help="What it was trained on, for the metadata.")
def export(weights, output, training_data):
    """Write the ONNX files of quantised weights.

    model.onnx is the exact network, model_uint8.onnx the same bits for any ONNX runtime,
    model_float.onnx the network before it was quantised.
    """
    from fsrcnnx.exact.onnx.model import FILE as MODEL_FILE
    from fsrcnnx.exact.onnx.model import called
    from fsrcnnx.learn.quantising import export as learn

    output = output or weights.parent
    with made(output):
        network = learn.export(weights, output, training_data)
    click.echo(f"{output}: {network.name} {network.content_hash()}; "
               f"--model {called(output / MODEL_FILE)}")


COMMANDS = (prepare, train, quantise, slim, level, export)
