#!/usr/bin/env python3
"""Takes bank transfers for Dazaar: tells a buyer where to send the money, and finds it in the bank's statement.

    dazaar wallet add bank command 'python3 bank-transfer.py statement.csv'

The statement is a CSV file with the columns `id`, `amount` and `text`, as a bank's export or a script writes it. A transfer counts
for the order whose memo is in its text. It reads one question in JSON from standard input, and prints the answer.
"""

import csv
import json
import sys

ACCOUNT = "DE02 1203 0000 0000 2020 51"


def main():
    question = json.load(sys.stdin)
    action = question["action"]
    if action == "check":
        return {"account": ACCOUNT}
    if action == "demand":
        text = f"Transfer {question['amount']} {question['currency']} to {ACCOUNT}\nwith the text: {question['memo']}"
        return {"request": text}
    if action == "look-up":
        return {"payments": list(transfers(question["memo"]))}
    return {"error": f"a person has to do this: {action}"}


def transfers(memo):
    try:
        with open(sys.argv[1], newline="") as statement:
            for line in csv.DictReader(statement):
                if memo in line["text"]:
                    # The bank's own number names a transfer for ever: it counts once, however often it is found.
                    yield {"reference": line["id"], "amount": line["amount"]}
    except FileNotFoundError:
        return


print(json.dumps(main()))
