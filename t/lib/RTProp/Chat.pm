package RTProp::Chat;

# Chat in tests: conversations made over HTTP, joined and spoken in.
#
#   conversation('c1', 'ann', 'ben');
#   my $joined = joins($ann, 'c1');             # the event, or undef
#   my $message = says($ann, 'c1', 'Hello');    # as it came back to her
#   error_is($ann, 'chat:join', 'c9', 'not_found', 'an unknown one');

use strict;
use warnings;

use Exporter qw(import);
use Test::More ();

use RTProp::Test ();

our @EXPORT = qw(conversation joins says gets error_is asks quiet_ok);

my $number = 0;


sub conversation {
    my ($id, @participants) = @_;
    my $res = RTProp::Test::api(PUT => "/api/conversations/$id",
                                { participants => \@participants });

    Test::More::diag("conversation $id: $res->{status} $res->{body}")
        if $res->{status} !~ /^20[01]$/;

    return $res->{json};
}


# Sends a command and gives its answer, whatever it is.

sub asks {
    my ($ws, $type, $payload) = @_;
    my $id = 'q' . ++$number;

    $ws->send_json($type, $payload, $id);

    return $ws->wait_for(qr/./, sub { ($_[0]{id} // '') eq $id });
}


sub joins {
    my ($ws, $id, %opt) = @_;
    my $answer = asks($ws, 'chat:join', { conversation_id => $id, %opt });

    return $answer if $answer && $answer->{type} eq 'chat:joined';

    Test::More::diag('not joined: '
                     . JSON::PP->new->canonical->encode($answer // {}));
    return;
}


sub says {
    my ($ws, $id, $content, %opt) = @_;

    $ws->send_json('chat:send_message',
                   { conversation_id => $id, content => $content, %opt });

    return gets($ws, $content);
}


sub gets {
    my ($ws, $content) = @_;

    return $ws->wait_for('chat:new_message',
                         sub { $_[0]{payload}{content} eq $content });
}


# The refusal of a command: its code, its event, its id; returns the event.

sub error_is {
    my ($ws, $type, $payload, $code, $name) = @_;
    my $answer = asks($ws, $type, $payload);
    my $error = $answer ? $answer->{payload} : {};

    Test::More::is_deeply([$answer ? $answer->{type} : undef,
                           @{$error}{qw(code event)}],
                          ['error', $code, $type], "$name: $code");

    return $error;
}


# Nothing but what was awaited came; who comes and goes elsewhere in the test
# does not count, unless asked for.

sub quiet_ok {
    my ($ws, $name, %opt) = @_;

    $ws->fence;

    my @types = map { $_->{type} } $ws->events;
    @types = grep { !/^presence:/ } @types if !$opt{presence};

    Test::More::is_deeply(\@types, [], $name);
    $ws->clear;
}


1;
