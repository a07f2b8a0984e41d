"""The numbers of the assignments' answer key, each to the digits in which the key states it.

The expected values were worked out apart from the calculator, by hand and with exact integers.
"""

from dataclasses import replace

import pytest

from reference import calculator as calc

LLAMA = calc.MODELS["llama-3-8b"]
XL = calc.MODELS["gpt2-xl"]
A100, T4 = calc.DEVICES["a100-80gb-sxm"], calc.DEVICES["t4"]
GB80, GIB80 = 80e9, 80 * 2**30
SIZES = (1, 2, 4, 8)  # tensor parallel


def same(got, expected):
    """Equal: whole numbers exactly, others to the digits shown, six at most."""
    if isinstance(expected, int):
        return got == expected
    return f"{got:.6g}" == f"{expected:.6g}"


def check(**rows):
    """Compare pairs of what was computed and what is expected; name those that differ."""
    wrong = {name: pair for name, pair in rows.items() if not same(*pair)}
    assert not wrong


# --- parameters, KV cache, batch ------------------------------------------------------------------


def test_parameters_of_llama_3_8b():
    """Every part of the parameters, and the memory of all, are the known ones."""
    found = calc.parameters(LLAMA)
    weights = calc.weight_bytes(found.total)
    check(
        head_dim=(LLAMA.head_dim, 128),
        attention=(found.attention_per_layer, 41_943_040),
        ffn=(found.ffn_per_layer, 176_160_768),
        norms=(found.norms, 266_240),
        embeddings=(found.embedding + found.head, 1_050_673_152),
        total=(found.total, 8_030_261_248),
        without_norms=(calc.parameters(LLAMA, norms=False).total, 8_029_995_008),
        weights=(weights, 16_060_522_496),
        gb=(weights / 1e9, 16.0605),
        gib=(weights / 2**30, 14.9575),
        per_token=(calc.kv_bytes_per_token(LLAMA), 131_072),
        per_request=(calc.kv_bytes_per_request(LLAMA, 1024), 134_217_728),
        as_mha=(calc.kv_bytes_per_request(LLAMA, 1024, attention="mha"), 512 * 2**20),
        slope_gb=(GB80 / 134_217_728, 596.046),
        offset=(weights / 134_217_728, 119.660),
    )


@pytest.mark.parametrize(
    ("context", "gb", "gib"),
    [(512, 952, 1040), (1024, 476, 520), (2048, 238, 260), (4096, 119, 130), (8192, 59, 65),
     (131072, 3, 4)],
)  # fmt: skip
def test_largest_batch_by_context(context, gb, gib):
    """The batch on one 80 GB device, for its memory read as GB and as GiB."""
    weights = calc.weight_bytes(calc.parameters(LLAMA).total)
    kv = calc.kv_bytes_per_request(LLAMA, context)
    assert calc.largest_batch(GB80, weights, kv) == gb
    assert calc.largest_batch(GIB80, weights, kv) == gib


VARIANTS = [
    # attention, matrices, tied, parameters, GB, GiB, batches with GQA's KV and with MHA's: for
    # 1, 2, 4, 8 GPUs of 80 GB, then of 80 GiB
    ("gqa", 3, False, 8_029_995_008, 16.0600, 14.9570,
     (476, 1072, 2264, 4648), (520, 1160, 2440, 5000),
     (119, 268, 566, 1162), (130, 290, 610, 1250)),
    ("gqa", 3, True, 7_504_658_432, 15.0093, 13.9785,
     (484, 1080, 2272, 4656), (528, 1168, 2448, 5008),
     (121, 270, 568, 1164), (132, 292, 612, 1252)),
    ("gqa", 2, False, 6_150_946_816, 12.3019, 11.4570,
     (504, 1100, 2292, 4676), (548, 1188, 2468, 5028),
     (126, 275, 573, 1169), (137, 297, 617, 1257)),
    ("gqa", 2, True, 5_625_610_240, 11.2512, 10.4785,
     (512, 1108, 2300, 4684), (556, 1196, 2476, 5036),
     (128, 277, 575, 1171), (139, 299, 619, 1259)),
    ("mha", 3, False, 8_835_301_376, 17.6706, 16.4570,
     (464, 1060, 2252, 4636), (508, 1148, 2428, 4988),
     (116, 265, 563, 1159), (127, 287, 607, 1247)),
    ("mha", 3, True, 8_309_964_800, 16.6199, 15.4785,
     (472, 1068, 2260, 4644), (516, 1156, 2436, 4996),
     (118, 267, 565, 1161), (129, 289, 609, 1249)),
    ("mha", 2, False, 6_956_253_184, 13.9125, 12.9570,
     (492, 1088, 2280, 4664), (536, 1176, 2456, 5016),
     (123, 272, 570, 1166), (134, 294, 614, 1254)),
    ("mha", 2, True, 6_430_916_608, 12.8618, 11.9785,
     (500, 1096, 2288, 4672), (544, 1184, 2464, 5024),
     (125, 274, 572, 1168), (136, 296, 616, 1256)),
]  # fmt: skip


@pytest.mark.parametrize("row", VARIANTS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_parameters_and_batches_by_assumptions(row):
    """Each set of assumptions gives its own parameters, memory and batches."""
    attention, matrices, tied, total, gb, gib, *batches = row
    asked = {"attention": attention, "ffn_matrices": matrices, "tied": tied}
    found = calc.parameters(LLAMA, norms=False, **asked)
    weights = calc.weight_bytes(found.total)
    check(total=(found.total, total), gb=(weights / 1e9, gb), gib=(weights / 2**30, gib))
    with_norms = calc.weight_bytes(calc.parameters(LLAMA, **asked).total)
    kinds = [(kv, memory) for kv in ("gqa", "mha") for memory in (GB80, GIB80)]
    for (kind, memory), expected in zip(kinds, batches, strict=True):
        kv = calc.kv_bytes_per_request(LLAMA, 1024, attention=kind)
        for held in (weights, with_norms):
            got = tuple(calc.largest_batch(memory, held, kv, size) for size in SIZES)
            assert got == expected


# --- standard attention ---------------------------------------------------------------------------


def intensity(tokens, *, decode=False, **options):
    """Return the standard algorithm's intensity at d = 128."""
    return calc.total(
        calc.standard_attention(tokens, 128, decode=decode, **options)
    ).intensity  # fmt: skip


def test_standard_attention_at_1024():
    """Flops, bytes and intensity at N = 1024, d = 128, 2 bytes."""
    prefill = calc.total(calc.standard_attention(1024, 128))
    decode = calc.total(calc.standard_attention(1024, 128, decode=True))
    check(
        flops=(prefill.flops, 536_870_912),
        bytes=(prefill.bytes, 9_437_184),
        intensity=(prefill.intensity, 56.8889),
        decode_flops=(decode.flops, 524_288),
        decode_bytes=(decode.bytes, 532_992),
        decode_intensity=(decode.intensity, 0.983670),
        limit=(intensity(2**40), 64.0),
        decode_limit=(intensity(2**40, decode=True), 0.984615),
    )


@pytest.mark.parametrize(
    ("tokens", "prefill", "decode"),
    [(128, 32.0, 0.977099), (256, 42.6667, 0.980843), (512, 51.2, 0.982726),
     (1024, 56.8889, 0.983670), (2048, 60.2353, 0.984142), (4096, 62.0606, 0.984379),
     (8192, 63.0154, 0.984497), (16384, 63.5039, 0.984556), (32768, 63.7510, 0.984586)],
)  # fmt: skip
def test_intensity_by_context(tokens, prefill, decode):
    """Intensity of prefill rises to its limit with the context; that of decode hardly moves."""
    check(
        prefill=(intensity(tokens), prefill), decode=(intensity(tokens, decode=True), decode)
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 7, 64, 4096])
def test_decode_intensity_is_flat_in_batch(batch):
    """Every sequence has its own keys and values: the batch cancels out."""
    assert same(intensity(1024, decode=True, batch=batch), 0.983670)


def test_accepted_variants_of_standard_attention():
    """Other ways of counting, put together from the same steps, give their own intensities."""
    n, d, b = 1024, 128, 2
    pre, dec = calc.standard_attention(n, d), calc.standard_attention(n, d, decode=True)
    flops, moved = calc.total(pre).flops, calc.total(pre).bytes
    one, one_moved = calc.total(dec).flops, calc.total(dec).bytes
    through = 2 * pre[1].bytes  # S and P, each written and read
    half = (n + 1) / (2 * n)  # scores on and below the diagonal
    shared = calc.attention(
        calc.Model("group of 4", 1, 4, 1, 4 * d, 1, 1), 1, n, new_tokens=1,
        without=("scale",), softmax_flops=0,
    )  # fmt: skip
    check(
        softmax_3=(intensity(n, softmax_flops=3), 57.2222),
        softmax_5=(intensity(n, softmax_flops=5), 57.4444),
        exact=((flops - n * n - n * d) / moved, 56.7639),
        four_bytes=(intensity(n, bytes_per_element=4), 28.4444),
        causal=(half * flops / (moved - through + half * through), 51.2100),
        causal_flops=(half * flops / moved, 28.4722),
        single_pass=(flops / (moved - through / 2), 102.4),
        fused=(flops / (moved - through), 512.0),
        decode_3=(intensity(n, decode=True, softmax_flops=3), 0.989433),
        decode_5=(intensity(n, decode=True, softmax_flops=5), 0.993276),
        decode_exact=((one - n - d) / one_moved, 0.981508),
        decode_append=(one / (one_moved + 2 * d * b), 0.982726),
        decode_fused=(one / (one_moved - 2 * dec[1].bytes), 0.999024),
        decode_four_bytes=(intensity(n, decode=True, bytes_per_element=4), 0.491835),
        shared_kv=(calc.total(shared).intensity, 3.75092),
    )


# --- one layer, step by step ----------------------------------------------------------------------


@pytest.mark.parametrize(("B", "N", "D", "H"), [(1, 1, 8, 2), (3, 7, 24, 4), (16, 512, 96, 8)])
def test_steps_of_a_layer_without_a_cache(B, N, D, H):
    """Each step of a layer has its closed form in flops and in bytes."""
    n = 2
    model = calc.Model("m", 1, H, H, D, 4 * D, 1, ffn_matrices=2, biases=True)
    steps = {cost.name: cost for cost in calc.attention(model, B, N)}
    heads_alone = calc.total(calc.attention(calc.Model("1", 1, 1, 1, D, 1, 1), B, N))
    projections = calc.total(calc.input_projections(model, B, N))
    attention, out = calc.total(steps.values()), calc.output_projection(model, B, N)
    mlp = calc.total(calc.feed_forward(model, B, N))
    check(
        projections=(projections.flops, 6 * B * N * D**2),
        projections_bytes=(projections.bytes, n * (6 * B * N * D + 3 * D**2)),
        scores=(steps["scores"].flops + steps["scale"].flops, 2 * B * N**2 * D + H * B * N**2),
        scores_bytes=(steps["scores"].bytes, n * (2 * B * N * D + H * B * N**2)),
        scale_bytes=(steps["scale"].bytes, 0),
        mask=(steps["mask"].flops, H * B * N**2),
        mask_bytes=(steps["mask"].bytes, 2 * n * H * B * N**2),
        softmax=(steps["softmax"].flops, 3 * H * B * N**2),
        softmax_bytes=(steps["softmax"].bytes, 2 * n * H * B * N**2),
        values=(steps["values"].flops, 2 * B * N**2 * D),
        values_bytes=(steps["values"].bytes, n * (H * B * N**2 + 2 * B * N * D)),
        one_head=(heads_alone.flops, 4 * B * N**2 * D + 5 * B * N**2),
        one_head_bytes=(heads_alone.bytes, n * (4 * B * N * D + 6 * B * N**2)),
        attention=(attention.flops, 4 * B * N**2 * D + 5 * H * B * N**2),
        attention_bytes=(attention.bytes, n * (4 * B * N * D + 6 * H * B * N**2)),
        out=(out.flops, 2 * B * N * D**2),
        out_bytes=(out.bytes, n * (2 * B * N * D + D**2)),
        mlp=(mlp.flops, 16 * B * N * D**2 + 5 * B * N * D),
        mlp_bytes=(mlp.bytes, n * (10 * B * N * D + 8 * D**2 + 5 * D)),
    )


@pytest.mark.parametrize(("B", "N", "D", "H"), [(1, 1, 8, 2), (3, 7, 24, 4), (16, 512, 96, 8)])
def test_steps_of_a_layer_with_a_cache(B, N, D, H):
    """With a cache each step has its closed form too, and nothing is quadratic in N."""
    n = 2
    model = calc.Model("m", 1, H, H, D, 4 * D, 1, ffn_matrices=2, biases=True)
    steps = {cost.name: cost for cost in calc.layer(model, B, N, new_tokens=1)}
    mlp = calc.total(cost for name, cost in steps.items() if name in ("up", "down"))
    rest = calc.total(cost for name, cost in steps.items() if name not in ("up", "down"))
    assert "mask" not in steps
    check(
        scores=(steps["scores"].flops + steps["scale"].flops, 2 * B * N * D + B * H * N),
        scores_bytes=(steps["scores"].bytes, n * (B * D + B * N * D + B * H * N)),
        softmax=(steps["softmax"].flops, 3 * B * H * N),
        softmax_bytes=(steps["softmax"].bytes, 2 * n * B * H * N),
        values=(steps["values"].flops, 2 * B * N * D),
        values_bytes=(steps["values"].bytes, n * (B * H * N + B * N * D + B * D)),
        attention=(rest.flops, 8 * B * D**2 + 4 * B * N * D + 4 * B * H * N),
        attention_bytes=(
            rest.bytes, n * (4 * D**2 + 10 * B * D + 2 * B * N * D + 4 * B * H * N)
        ),
        mlp=(mlp.flops, 16 * B * D**2 + 5 * B * D),
        mlp_bytes=(mlp.bytes, n * (10 * B * D + 8 * D**2 + 5 * D)),
    )  # fmt: skip


def test_products():
    """A product of (M, K) and (K, N) by its closed form."""
    cost = calc.matmul(3, 5, 7, 4)
    assert (cost.flops, cost.bytes) == (2 * 3 * 7 * 5, 4 * (3 * 5 + 5 * 7 + 3 * 7))


def test_attention_and_mlp_on_an_a100():
    """B = 16, N = 16384, D = 4096, H = 16 in fp16: attention waits for memory, the MLP computes."""
    model = calc.Model("m", 1, 16, 16, 4096, 16384, 1, ffn_matrices=2, biases=True)
    size = (16, 16384)
    steps = calc.attention(model, *size)
    attention, mlp = calc.total(steps), calc.total(calc.feed_forward(model, *size))
    line = calc.roofline(attention.flops, attention.bytes, A100)
    products = sum(cost.flops for cost in steps if cost.name in ("scores", "values"))
    fused = calc.total(calc.attention(model, *size, fused={*calc.FUSED, "mask"}))
    one_head = calc.total(calc.attention(replace(model, query_heads=1, kv_heads=1), *size))
    no_bias = calc.total(calc.feed_forward(replace(model, biases=False), *size))
    unfused = calc.total(calc.feed_forward(model, *size, fused=()))
    check(
        ridge=(A100.ridge, 153.016),
        flops=(attention.flops, 70_712_341_561_344),
        bytes=(attention.bytes, 833_223_655_424),
        intensity=(attention.intensity, 84.8660),
        compute=(line.compute_seconds, 0.226642),
        memory=(line.memory_seconds, 0.408643),
        products=(products / attention.bytes, 84.4536),
        mask_fused=(fused.intensity, 126.646),
        one_head=(one_head.intensity, 1170.64),
        ideal=(products / (4 * steps[-1].output_bytes), 8192.0),
        mlp_flops=(mlp.flops, 70_374_112_886_784),
        mlp_bytes=(mlp.bytes, 21_743_312_896),
        mlp=(mlp.intensity, 3236.59),
        no_bias=(no_bias.intensity, 3236.35),
        unfused=(unfused.intensity, 1808.14),
        ratio=(round(mlp.intensity / attention.intensity, 1), 38.1),
    )
    assert line.bound == "memory"
    assert calc.roofline(mlp.flops, mlp.bytes, A100).bound == "compute"


def test_ridges():
    """The ridges of the devices that the assignments name."""
    check(
        t4=(T4.ridge, 216.667),
        t4_320=(replace(T4, bytes_per_second=320e9).ridge, 203.125),
        a100=(replace(A100, bytes_per_second=2e12).ridge, 156.0),
        a100_pcie=(calc.DEVICES["a100-80gb-pcie"].ridge, 161.240),
    )


# --- GPT-2 XL on a T4 -----------------------------------------------------------------------------


def whole(B, N, **options):
    """Return the cost of all 48 layers of GPT-2 XL."""
    return calc.total(calc.layer(XL, B, N, **options)).times(48)


@pytest.mark.parametrize(("B", "N"), [(1, 32), (1, 1024), (64, 32), (64, 1024), (5, 33)])
def test_coefficients_of_gpt2_xl(B, N):
    """The costs of GPT-2 XL per layer and in all, as polynomials in B and N."""
    attention = calc.total(cost for cost in calc.layer(XL, B, N) if cost.name not in ("up", "down"))
    mlp = calc.total(calc.feed_forward(XL, B, N))
    cached = calc.total(
        cost for cost in calc.layer(XL, B, N, new_tokens=1) if cost.name not in ("up", "down")
    )
    once = calc.total(calc.feed_forward(XL, B, 1))
    naive, decode = whole(B, N), whole(B, N, new_tokens=1)
    D, H, n = 1600, 25, 2
    check(
        attention=(attention.flops, 20_480_000 * B * N + 6_525 * B * N**2),
        attention_bytes=(attention.bytes, 20_480_000 + 38_400 * B * N + 300 * B * N**2),
        mlp=(mlp.flops, 40_968_000 * B * N),
        mlp_bytes=(mlp.bytes, 40_976_000 + 32_000 * B * N),
        all=(naive.flops, 2_949_504_000 * B * N + 313_200 * B * N**2),
        all_bytes=(naive.bytes, 2_949_888_000 + 3_379_200 * B * N + 14_400 * B * N**2),
        symbols=(
            naive.flops,
            1152 * B * N * D**2 + 192 * B * N**2 * D + 240 * H * B * N**2 + 240 * B * N * D,
        ),
        symbols_bytes=(
            naive.bytes, n * (576 * D**2 + 1056 * B * N * D + 288 * H * B * N**2 + 240 * D)
        ),
        cached=(cached.flops, 20_480_000 * B + 6_500 * B * N),
        cached_bytes=(cached.bytes, 20_480_000 + 32_000 * B + 6_600 * B * N),
        once=(once.flops, 40_968_000 * B),
        once_bytes=(once.bytes, 40_976_000 + 32_000 * B),
        decode=(decode.flops, B * (2_949_504_000 + 312_000 * N)),
        decode_bytes=(decode.bytes, 2_949_888_000 + 3_072_000 * B + 316_800 * B * N),
        decode_symbols=(
            decode.flops,
            1152 * B * D**2 + 192 * B * N * D + 192 * B * H * N + 240 * B * D,
        ),
        decode_symbols_bytes=(
            decode.bytes,
            n * (576 * D**2 + 960 * B * D + 96 * B * N * D + 192 * B * H * N + 240 * D),
        ),
        kv=(B * calc.kv_bytes_per_request(XL, N), 307_200 * B * N),
        kv_layer=(B * calc.kv_bytes_per_request(replace(XL, layers=1), N), 6_400 * B * N),
    )  # fmt: skip


CASES = [
    # B, N: flops, bytes, ms of compute and of memory, intensity, bound; the last five with a
    # cache, and how much faster that is
    (1, 32, 94_704_844_800, 3_072_768_000, 1.45700, 10.2426, 30.8207, "memory",
     2_959_488_000, 2_963_097_600, 0.0455306, 9.87699, 0.998782, 1.03701),
    (1, 1024, 3_348_706_099_200, 21_509_683_200, 51.5186, 71.6989, 155.684, "memory",
     3_268_992_000, 3_277_363_200, 0.0502922, 10.9245, 0.997446, 6.56311),
    (64, 32, 6_061_110_067_200, 10_814_208_000, 93.2478, 36.0474, 560.477, "compute",
     189_407_232_000, 3_795_302_400, 2.91396, 12.6510, 49.9057, 7.37078),
    (64, 1024, 214_317_190_348_800, 1_190_776_780_800, 3297.19, 3969.26, 179.981, "memory",
     209_215_488_000, 23_908_300_800, 3.21870, 79.6943, 8.75075, 49.8060),
]  # fmt: skip


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"B{row[0]}N{row[1]}")
def test_gpt2_xl_on_a_t4(row):
    """Flops, bytes, times, intensity and bound of each case, without and with a cache."""
    B, N, *expected = row
    naive, cached = whole(B, N), whole(B, N, new_tokens=1)
    slow, fast = (calc.roofline(cost.flops, cost.bytes, T4) for cost in (naive, cached))
    got = [
        naive.flops, naive.bytes, slow.compute_seconds * 1e3, slow.memory_seconds * 1e3,
        slow.intensity, slow.bound, cached.flops, cached.bytes, fast.compute_seconds * 1e3,
        fast.memory_seconds * 1e3, fast.intensity, slow.seconds / fast.seconds,
    ]  # fmt: skip
    assert got.pop(5) == expected.pop(5)
    assert fast.bound == "memory"
    assert all(map(same, got, expected)), list(zip(got, expected, strict=True))


def test_gpt2_xl_with_other_counts():
    """What changes a verdict and what a cache saves, by the same steps."""
    fused = {*calc.FUSED, "mask"}
    large, small = whole(64, 1024, fused=fused), whole(1, 1024, fused=fused)
    check(
        parameters=(calc.parameters(XL).total, 1_557_611_200),
        large=(float(f"{large.bytes:.4g}"), 8.687e11),
        large_ms=(round(calc.roofline(large.flops, large.bytes, T4).seconds * 1e3), 3297),
        small_ms=(round(calc.roofline(small.flops, small.bytes, T4).seconds * 1e3, 2), 54.92),
        flops_32=(whole(1, 32).flops / whole(1, 32, new_tokens=1).flops, 32.0004),
        flops_1024=(whole(1, 1024).flops / whole(1, 1024, new_tokens=1).flops, 1024.38),
        bytes_64=(round(whole(64, 32).bytes / whole(64, 32, new_tokens=1).bytes, 3), 2.849),
        cache=(64 * calc.kv_bytes_per_request(XL, 1024), 20_132_659_200),
    )
    assert calc.roofline(large.flops, large.bytes, T4).bound == "compute"
    assert calc.roofline(small.flops, small.bytes, T4).bound == "memory"
    for N in (32, 1024):
        one_head = replace(XL, query_heads=1, kv_heads=1)
        cost = calc.total(calc.layer(one_head, 64, N))
        assert calc.roofline(cost.flops, cost.bytes, T4).bound == "compute"


def test_parts_of_decoding_at_batch_1():
    """Weights take about 200 times as long as the rest of the traffic or the computation."""
    decode, short = whole(1, 1024, new_tokens=1), whole(1, 32, new_tokens=1)
    plain = calc.total(calc.layer(replace(XL, biases=False), 1, 1024, new_tokens=1)).times(48)
    biased = whole(1, 1024, new_tokens=1, projection_biases=True)
    long = whole(1, 306_960, new_tokens=1)

    def other(cost):
        return cost.input_bytes + cost.output_bytes

    check(
        weights=(decode.weight_bytes, 2_949_888_000),
        weights_ms=(decode.weight_bytes / 300e9 * 1e3, 9.83296),
        plain=(plain.weight_bytes, 2_949_120_000),
        plain_ms=(plain.weight_bytes / 300e9 * 1e3, 9.83040),
        biased=(biased.weight_bytes, 2_950_502_400),
        biased_ms=(biased.weight_bytes / 300e9 * 1e3, 9.83501),
        other=(other(decode), 12_902_400),
        other_us=(other(decode) / 300e9 * 1e6, 43.0080),
        other_short=(other(short), 3_379_200),
        other_short_us=(other(short) / 300e9 * 1e6, 11.2640),
        equal=(other(long), long.weight_bytes),
        compute_us=(decode.flops / 65e12 * 1e6, 50.2922),
        compute_short_us=(short.flops / 65e12 * 1e6, 45.5306),
        cache_ms=(decode.cache_bytes / 300e9 * 1e3, 1.04858),
    )


@pytest.mark.parametrize(("rate", "tokens"), [(0.7, 2.7731), (0.8, 3.3616), (0.9, 4.0951)])
def test_expected_tokens_of_speculation(rate, tokens):
    """Four drafted tokens, at three acceptance rates."""
    assert round(calc.expected_tokens_per_pass(rate, 4), 4) == tokens


# --- GPT-2 with a cache, token by token -----------------------------------------------------------


def products(model, tokens, **options):
    """Return the flops of a token's matrix products and of its logits."""
    steps = calc.layer(replace(model, biases=False), 1, tokens, **options)
    kept = [cost for cost in steps if cost.name not in ("scale", "mask", "softmax")]
    return calc.total(kept).times(model.layers).flops + calc.logits(model, 1).flops


@pytest.mark.parametrize(
    ("tokens", "naive", "cached"),
    [(1, 2.47101e8, 2.47101e8), (64, 1.10998e10, 2.49423e8), (128, 2.24244e10, 2.51783e8),
     (256, 4.59797e10, 2.56501e8), (512, 9.67140e10, 2.65938e8), (1024, 2.12678e11, 2.84813e8)],
)  # fmt: skip
def test_flops_per_token_of_gpt2(tokens, naive, cached):
    """Flops of one more token by GPT-2 124M, without and with a cache."""
    model = calc.MODELS["gpt2"]
    check(
        naive=(products(model, tokens), naive),
        cached=(products(model, tokens, new_tokens=1), cached),
    )


def test_all_tokens_of_gpt2():
    """1024 tokens one by one: the sum without a cache is 376 times the sum with one."""
    model = calc.MODELS["gpt2"]
    naive = sum(products(model, tokens) for tokens in range(1, 1025))
    cached = sum(products(model, tokens, new_tokens=1) for tokens in range(1, 1025))
    check(
        naive=(naive, 1.02440e14),
        cached=(cached, 2.72340e11),
        ratio=(round(naive / cached, 1), 376.1),
        fp32=(calc.kv_bytes_per_token(model, 4), 73_728),
        fp16=(calc.kv_bytes_per_token(model), 36_864),
        full=(calc.kv_bytes_per_request(model, 1024, 4), 75_497_472),
    )
