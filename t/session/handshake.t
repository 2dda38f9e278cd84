#!/usr/bin/perl

# The opening handshake of a native location: each refusal comes before any
# upgrade, with its status and a JSON body; the token is found in each place.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(server => <<'END');
    location /ws {
        rtprop native;
        rtprop_jwt_key jwt.key;
    }

    location /cookie {
        rtprop native;
        rtprop_jwt_key jwt.key;
        rtprop_token $cookie_token;
    }

    location /arg {
        rtprop native;
        rtprop_jwt_key jwt.key;
        rtprop_token "$arg_a.$arg_b";
    }
END


sub refused {
    my ($name, $status, $code, %opt) = @_;
    my $ws = client(welcome => 0, %opt);

    is($ws->status, $status, "$name: $status");

    my $body = $ws->body_json;
    is($body->{code}, $code, "$name: code");
    ok(length($body->{message} // ''), "$name: message");
    like($ws->header('Content-Type') // '', qr{^application/json},
         "$name: JSON");

    return $ws;
}


sub accepted {
    my ($name, %opt) = @_;
    my $ws = client(%opt);

    is($ws->status, 101, "$name: 101") or diag($ws->body);
    is($ws->{welcome} && $ws->{welcome}{payload}{user}{id}, 'ann',
       "$name: who it is");

    return $ws;
}


my $token = token(sub => 'ann', name => "Ann \x{d6}", role => 'agent');

subtest 'form of the handshake' => sub {
    refused('POST', 405, 'method_not_allowed', token => $token,
            method => 'POST', headers => { 'Content-Length' => 0 });

    for ([400, Connection => 'close'], [400, 'Sec-WebSocket-Key' => undef],
         [400, 'Sec-WebSocket-Key' => 'abc'], [426, Upgrade => undef],
         [426, Upgrade => 'h2c'], [426, 'Sec-WebSocket-Version' => 8])
    {
        my ($status, @header) = @$_;
        my $ws = client(welcome => 0, token => $token, headers => \@header);
        my $name = join ' ', map { $_ // '(none)' } @header;

        is($ws->status, $status, "$name: $status");
        ok($ws->body_json, "$name: JSON");
        is($ws->header('Sec-WebSocket-Version'), '13', "$name: what is right")
            if $status == 426;
    }
};

subtest 'no token and bad ones' => sub {
    my $ws = refused('no token', 401, 'not_authorized', token => undef);
    like($ws->header('WWW-Authenticate'), qr/^Bearer error="[^"]+"/,
         'WWW-Authenticate');

    $ws = refused('rubbish', 401, 'not_authorized', token => 'x.y.z');
    like($ws->header('WWW-Authenticate'), qr/^Bearer error="invalid_token"/,
         'WWW-Authenticate names the error');

    refused('empty', 401, 'not_authorized', token => '');
    refused('another key', 401, 'not_authorized',
            token => token(sub => 'ann', key => 'x' x 32));
    refused('no user', 401, 'not_authorized', token => token(name => 'Ann'));
    refused('expired', 401, 'not_authorized',
            token => token(sub => 'ann', exp => time - 60));
    refused('not yet', 401, 'not_authorized',
            token => token(sub => 'ann', nbf => time + 60));

    ok($nginx->log !~ /\Q$token\E/, 'no token in the log');
};

subtest 'where the token may stand' => sub {
    accepted('?token=', token => $token);
    accepted('Authorization', token => undef,
             headers => { Authorization => "Bearer $token" });
    accepted('scheme in any case', token => undef,
             headers => { Authorization => "bearer  $token" });
    accepted('?token= comes first', token => $token,
             headers => { Authorization => 'Bearer x' });

    my $ws = accepted('subprotocol', token => undef,
                      protocols => ['rtprop', "rtprop.token.$token"]);
    is($ws->header('Sec-WebSocket-Protocol'), 'rtprop',
       'the token is not echoed');

    $ws = accepted('subprotocol alone', token => undef,
                   protocols => ["rtprop.token.$token"]);
    is($ws->header('Sec-WebSocket-Protocol'), undef, 'nothing is echoed');

    accepted('cookie', path => '/cookie', token => undef,
             headers => { Cookie => "a=b; token=$token" });
    refused('not the default places', 401, 'not_authorized',
            path => '/cookie', token => $token);

    my ($a, $b) = $token =~ /^(.*?)\.(.*)$/;
    accepted('several variables', path => '/arg', token => undef,
             query => { a => $a, b => $b });
};

subtest 'welcome' => sub {
    my $ws = client(token => $token);
    my $w = $ws->{welcome}{payload};

    like($w->{session_id}, qr/^[0-9a-f]{32}$/, 'session_id');
    is_deeply($w->{user}, { id => 'ann', name => "Ann \x{d6}",
                            role => 'agent' }, 'user');
    like($w->{server_time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
         'server_time');
    is($w->{ping_interval}, 25000, 'ping_interval in ms');
    is($w->{resume}, true, 'resume');
    like($w->{channels}{'user:ann'}{epoch}, qr/^[0-9a-f]{16}$/, 'epoch');
    is($w->{channels}{'user:ann'}{offset}, 0, 'offset');

    my $other = client(token => $token, query => { ping => 120 });
    is($other->{welcome}{payload}{ping_interval}, 120000, '?ping=120');
    isnt($other->{welcome}{payload}{session_id}, $w->{session_id},
         'session ids differ');

    for ([10, 25000], [100000, 300000], ['x', 25000], [-1, 25000]) {
        my ($ping, $is) = @$_;
        $other->close;
        $other = client(token => $token, query => { ping => $ping });
        is($other->{welcome}{payload}{ping_interval}, $is, "?ping=$ping");
    }
};

subtest 'the first frames may come with the handshake' => sub {
    my $text = '{"type":"ping","id":1}';
    my $early = pack('CC', 0x81, 0x80 | length $text) . "\0\0\0\0" . $text;
    my $ws = client(token => $token, early => $early);
    is($ws->wait_for('pong')->{id}, 1, 'answered');
};

done_testing();
