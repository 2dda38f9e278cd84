#!/usr/bin/perl

# Tokens: every algorithm, several keys, key ids, a JWK Set, claims, the end of
# a token and its renewal.

use strict;
use warnings;

use File::Temp;
use JSON::PP;
use lib 't/lib';
use RTProp::Test;

my $dir = File::Temp->newdir;
my %key = map { $_ => RTProp::JWT::keypair($_, "$dir") } qw(RS256 ES256 EdDSA);
my $other = RTProp::JWT::keypair('ES256', "$dir", 'other');
my $set = RTProp::JWT::keypair('RS256', "$dir", 'set');

sub file { RTProp::Nginx::slurp($_[0]) }

my $nginx = rtprop_nginx(
    files => {
        (map { ("keys/$_.pub" => file($key{$_}{public})) } keys %key),
        'keys/other.pub' => file($other->{public}),
        'keys/long.key' => 'y' x 40 . "\n",
        'keys/set.json' => encode_json({ keys => [
            RTProp::JWT::jwk($set, 'r1'), RTProp::JWT::jwk($other, 'e1'),
            RTProp::JWT::jwk_oct(SECRET, 'o1'),
            { kty => 'unknown', kid => 'u1' },
        ] }),
    },
    server => <<'END');
    rtprop_jwt_leeway 0s;

    location /hs { rtprop native; rtprop_jwt_key jwt.key; }
    location /rs { rtprop native; rtprop_jwt_key keys/RS256.pub; }
    location /es { rtprop native; rtprop_jwt_key keys/ES256.pub alg=ES256; }
    location /ed { rtprop native; rtprop_jwt_key keys/EdDSA.pub alg=EdDSA; }

    location /several {
        rtprop native;
        rtprop_jwt_key keys/RS256.pub kid=a;
        rtprop_jwt_key keys/ES256.pub kid=b alg=ES256;
        rtprop_jwt_key keys/long.key alg=HS256;
    }

    location /set { rtprop native; rtprop_jwks keys/set.json; }

    location /claims {
        rtprop native;
        rtprop_jwt_key jwt.key;
        rtprop_jwt_issuer https://issuer.example;
        rtprop_jwt_audience web app;
        rtprop_jwt_leeway 30s;
    }
END

my $private = sub { $_[0]{private} };


sub status {
    my ($path, $alg, $key, $claims, $header) = @_;
    my $token = RTProp::JWT::token($alg, { sub => 'ann', %{$claims || {}} },
                                   $key, $header);
    my $ws = client(path => $path, token => $token, welcome => 0);
    my $status = $ws->status;
    $ws->drop;

    return $status;
}


subtest 'algorithms' => sub {
    is(status('/hs', HS256 => SECRET), 101, 'HS256');
    is(status('/rs', RS256 => $key{RS256}), 101, 'RS256');
    is(status('/es', ES256 => $key{ES256}), 101, 'ES256');
    is(status('/ed', EdDSA => $key{EdDSA}), 101, 'EdDSA');

    is(status('/es', ES256 => $other), 401, 'another key');
    is(status('/hs', none => ''), 401, 'none');
    is(status('/rs', none => ''), 401, 'none for a public key');
    is(status('/hs', none => '', {}, { alg => 'None' }), 401, 'None');
    is(status('/hs', HS512 => SECRET), 401, 'HS512 is not what the key is for');
};

subtest 'the key fixes the algorithm' => sub {
    my $public = file($key{RS256}{public});

    is(status('/rs', HS256 => $public), 401, 'public key as a secret');
    is(status('/rs', HS256 => $public =~ s/\n\z//r), 401, 'without newline');
    is(status('/es', RS256 => $key{RS256}), 401, 'RS256 for ES256');
    is(status('/rs', ES256 => $key{ES256}), 401, 'ES256 for RS256');
    is(status('/hs', HS256 => '', {}), 401, 'empty secret');
    is(status('/rs', HS256 => $public, {}, { alg => 'RS256' }), 401,
       'an HMAC that claims to be RS256');
};

subtest 'several keys' => sub {
    is(status('/several', RS256 => $key{RS256}, {}, { kid => 'a' }), 101,
       'kid a');
    is(status('/several', ES256 => $key{ES256}, {}, { kid => 'b' }), 101,
       'kid b');
    is(status('/several', ES256 => $key{ES256}, {}, { kid => 'a' }), 401,
       'kid of another key');
    is(status('/several', HS256 => 'y' x 40), 101, 'no kid');
    is(status('/several', HS256 => 'y' x 40, {}, { kid => 'zzz' }), 101,
       'unknown kid: the keys without one');
    is(status('/several', ES256 => $key{ES256}, {}, { kid => 'zzz' }), 401,
       'unknown kid: not those with one');
};

subtest 'JWK Set' => sub {
    is(status('/set', RS256 => $set, {}, { kid => 'r1' }), 101, 'RSA');
    is(status('/set', ES256 => $other, {}, { kid => 'e1' }), 101, 'EC');
    is(status('/set', HS256 => SECRET, {}, { kid => 'o1' }), 101, 'oct');
    is(status('/set', RS256 => $key{RS256}, {}, { kid => 'r1' }), 401,
       'another key');
};

subtest 'claims' => sub {
    my %good = (iss => 'https://issuer.example', aud => 'web');
    my $claims = sub { status('/claims', HS256 => SECRET, { %good, @_ }) };

    is($claims->(), 101, 'issuer and audience');
    is($claims->(aud => ['x', 'app']), 101, 'one of several audiences');
    is($claims->(aud => 'x'), 401, 'another audience');
    is($claims->(aud => undef), 401, 'no audience');
    is($claims->(iss => 'https://issuer.example/'), 401, 'another issuer');
    is($claims->(exp => time - 10), 101, 'expired within the leeway');
    is($claims->(exp => time - 40), 401, 'expired beyond it');
    is($claims->(nbf => time + 10), 101, 'early within the leeway');
    is($claims->(nbf => time + 40), 401, 'early beyond it');
    is($claims->(exp => 'soon'), 401, 'exp is no number');
    is(status('/hs', HS256 => SECRET, { exp => time - 1 }), 401, 'no leeway');

    for (['id', 'u7'], ['user_id', 8], ['userId', 'u9']) {
        my ($name, $id) = @$_;
        my $ws = client(path => '/hs',
                        token => RTProp::JWT::token('HS256', { $name => $id },
                                                    SECRET));
        is($ws->{welcome}{payload}{user}{id}, $id, "user from $name");
        $ws->drop;
    }
};

subtest 'the end of a token' => sub {
    my $ws = client(path => '/hs', claims => { exp => time + 2 });
    is($ws->status, 101, 'accepted');
    is(($ws->wait_close)[0], 4001, 'closed with 4001');

    $ws = client(path => '/hs', claims => { exp => time + 2 });
    my $exp = time + 3600;
    $ws->send_json('auth:refresh', { token => token(sub => 'u1',
                                                    exp => $exp) }, 'r');
    my $answer = $ws->wait_for('auth:refreshed');
    is($answer->{id}, 'r', 'refreshed');
    like($answer->{payload}{expires_at}, qr/^\d{4}-.*Z$/, 'expires_at');

    # another's two seconds are over: this one's first token is, too
    my $clock = client(path => '/hs', user => 'u2',
                       claims => { exp => time + 2 });
    is(($clock->wait_close)[0], 4001, 'time passed');
    ok($ws->fence, 'still open');

    for (['another user', sub => 'u2'], ['expired', exp => time - 1],
         ['another key', key => 'z' x 32])
    {
        my ($name, @claims) = @$_;
        $ws->send_json('auth:refresh',
                       { token => token(sub => 'u1', @claims) }, $name);
        is($ws->wait_for('error', sub { $_[0]{id} eq $name })
              ->{payload}{code}, 'not_authorized', $name);
    }

    $ws->send_json('auth:refresh', {}, 'n');
    is($ws->wait_for('error')->{payload}{field}, 'token', 'no token');

    $ws->send_json('auth:refresh', { token => token(sub => 'u1',
                                                    exp => time + 2) });
    ok($ws->wait_for('auth:refreshed'), 'refreshed again');
    is(($ws->wait_close)[0], 4001, 'the shorter one ends it');
};

done_testing();
