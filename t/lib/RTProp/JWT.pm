package RTProp::JWT;

# JSON Web Tokens for tests: HS256 by core Perl, the others by the openssl
# command.
#
#   my $token = RTProp::JWT::token('HS256', { sub => 'u1' }, $secret);
#   my $key = RTProp::JWT::keypair('ES256', $dir);     # {private}, {public}
#   my $token = RTProp::JWT::token('ES256', { … }, $key, { kid => 'k1' });
#   my $jwk = RTProp::JWT::jwk($key, 'k1');            # for a JWK Set

use strict;
use warnings;

use Carp qw(croak);
use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512);
use File::Temp;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my %genpkey = (
    RS256 => '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
    ES256 => '-algorithm EC -pkeyopt ec_paramgen_curve:P-256'
             . ' -pkeyopt ec_param_enc:named_curve',
    EdDSA => '-algorithm ED25519',
);


# A token; claims and header as hashes, or as text, which is taken as it is.
# The key is the secret (HS256), a keypair, or the path of a private key.

sub token {
    my ($alg, $claims, $key, $header) = @_;

    $header = { alg => $alg, typ => 'JWT', %{$header || {}} }
        if !defined $header || ref $header;

    my $signed = join '.', map { encode_base64url(ref $_ ? $json->encode($_)
                                                         : $_) }
                 $header, $claims;

    return $signed . '.' . encode_base64url(signature($alg, $signed, $key));
}


sub signature {
    my ($alg, $data, $key) = @_;

    return ''                       if $alg eq 'none';
    return hmac_sha256($data, $key) if $alg eq 'HS256';
    return hmac_sha384($data, $key) if $alg eq 'HS384';
    return hmac_sha512($data, $key) if $alg eq 'HS512';

    $key = $key->{private} if ref $key;

    my $file = File::Temp->new;
    print {$file} $data;
    $file->flush;

    return openssl("pkeyutl -sign -rawin -inkey $key -in $file")
        if $alg eq 'EdDSA';

    my $raw = openssl("dgst -sha256 -sign $key -binary $file");

    return $alg eq 'ES256' ? join '', der_pair($raw) : $raw;
}


# The two integers of an ECDSA signature in DER, of 32 octets each.

sub der_pair {
    my ($der) = @_;
    my ($r, $s) = unpack 'x2 x C/a x C/a', $der;

    return map { substr "\0" x 32 . $_, -32 } $r, $s;
}


# Makes a key pair in the folder: {alg, private, public} (paths of PEM files).

sub keypair {
    my ($alg, $dir, $name) = @_;
    my $options = $genpkey{$alg} or croak "no keys for $alg";
    my $private = "$dir/" . ($name // lc $alg) . '.key';
    my $public = $private =~ s/key$/pub/r;

    openssl("genpkey $options -out $private");
    openssl("pkey -in $private -pubout -out $public");

    return { alg => $alg, private => $private, public => $public };
}


sub jwk {
    my ($key, $kid) = @_;
    my %jwk = (alg => $key->{alg}, use => 'sig');
    $jwk{kid} = $kid if defined $kid;

    my $der = openssl("pkey -pubin -in $key->{public} -outform DER");

    if ($key->{alg} eq 'RS256') {
        my ($modulus) = openssl("rsa -pubin -in $key->{public} -modulus -noout")
                        =~ /Modulus=([0-9A-F]+)/;
        return { %jwk, kty => 'RSA', e => 'AQAB',
                 n => encode_base64url(pack 'H*', $modulus) };
    }

    return { %jwk, kty => 'OKP', crv => 'Ed25519',
             x => encode_base64url(substr $der, -32) }
        if $key->{alg} eq 'EdDSA';

    return { %jwk, kty => 'EC', crv => 'P-256',
             x => encode_base64url(substr $der, -64, 32),
             y => encode_base64url(substr $der, -32) };
}


# An oct key of a JWK Set from a secret.

sub jwk_oct {
    my ($secret, $kid) = @_;
    return { kty => 'oct', alg => 'HS256', k => encode_base64url($secret),
             defined $kid ? (kid => $kid) : () };
}


sub openssl {
    my ($command) = @_;
    my $out = `openssl $command 2>/dev/null`;

    croak "openssl $command failed" if $? != 0;

    return $out;
}


1;
