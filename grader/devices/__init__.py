"""The device that is graded on: who it is, who has it to himself, and what else goes on there.

    identity  which CPU or GPU "cpu" or "cuda:N" is on this machine
    lease     one timing at a time on a device: a lock that the kernel frees when its holder dies
    watch     clocks, throttling and foreign processes while something is timed
    rates     what the device can do at best, measured once and kept: for the roofline
    device    all of them for one device, as the checks get it

Nothing here decides a point. NVIDIA's management library is asked only for a CUDA device, and what
it cannot say is written down as not known.
"""
