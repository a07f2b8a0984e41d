        P = k.shape[2] - T
        att = torch.einsum("bhtd,bhsd->bhts", q, k) * k.shape[-1] ** -0.5
        i = torch.arange(P, P + T, device=x.device)[:, None]
        j = torch.arange(P + T, device=x.device)[None]
        att = torch.where(j > i, torch.full_like(att, -1e9), att)
        y = torch.einsum("bhts,bhsd->bhtd", att.softmax(-1), v)
