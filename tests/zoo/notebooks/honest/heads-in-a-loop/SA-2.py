        P = k.size(2) - T
        outputs = []
        for head in range(self.n_head):
            s = q[:, head] @ k[:, head].mT / (C // self.n_head) ** 0.5
            s = s + torch.zeros(T, P + T, device=x.device).masked_fill(~self.tril[P : P + T, : P + T], -torch.inf)
            outputs.append(s.softmax(dim=-1) @ v[:, head])
        y = torch.stack(outputs, dim=1)
