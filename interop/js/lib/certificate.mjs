// Makes certificates: as much of X.509 (RFC 5280) as a test needs, since Node reads them but does not write them.

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

const tlv = (tag, ...parts) => {
  const body = Buffer.concat(parts.map((p) => (Buffer.isBuffer(p) ? p : Buffer.from(p))));
  const long = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...long]), body]);
};
const seq = (...parts) => tlv(0x30, ...parts);
const set = (...parts) => tlv(0x31, ...parts);
const oid = (...bytes) => tlv(0x06, bytes);
const octets = (...parts) => tlv(0x04, ...parts);
const yes = tlv(0x01, [0xff]);
const time = (ms) => tlv(0x17, new Date(ms).toISOString().replace(/^..|[-:T]|\.\d+/g, ""));
const commonName = (text) => seq(set(seq(oid(0x55, 4, 3), tlv(0x0c, text))));
const ecdsaWithSHA256 = seq(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;

/**
 * certificate is {cert, key} in PEM: for 127.0.0.1 and the name, good for an hour, signed by the issuer, another
 * such pair, or by itself and then one that may sign others.
 */
export function certificate(name, issuer) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions = [
    seq(oid(0x55, 0x1d, 0x11), octets(seq(tlv(0x82, name), tlv(0x87, [127, 0, 0, 1])))), // subjectAltName
    seq(oid(0x55, 0x1d, 0x13), yes, octets(issuer ? seq() : seq(yes))), // basicConstraints
  ];
  const body = seq(
    tlv(0xa0, tlv(0x02, [2])), // version 3
    tlv(0x02, [1], randomBytes(8)),
    ecdsaWithSHA256,
    commonName(issuer?.name ?? name),
    seq(time(Date.now() - 3600e3), time(Date.now() + 3600e3)),
    commonName(name),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, seq(...extensions)),
  );
  const signature = sign("sha256", body, issuer?.privateKey ?? privateKey);
  const cert = pem(seq(body, ecdsaWithSHA256, tlv(0x03, [0], signature)));
  return { name, privateKey, cert, key: privateKey.export({ type: "pkcs8", format: "pem" }) };
}
