using System.Reflection;
using System.Reflection.Emit;

namespace CharRnn.Gpu.Tests.Architecture;

/// <summary>
/// Which types the compiled code of an assembly uses: in bases, constraints, signatures, fields, attributes, locals, handlers and method
/// bodies. What a type of it nests, a compiler's lambdas and state machines among that, counts as the type itself.
/// </summary>
internal static class TypeUses
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<ushort, OpCode> s_opCodes = typeof(OpCodes).GetFields()
        .Select(field => field.GetValue(null)).OfType<OpCode>().ToDictionary(code => (ushort)code.Value);

    /// <summary>Every outermost type with every other outermost type that it uses.</summary>
    public static IEnumerable<(Type User, Type Used)> Of(Assembly assembly) => assembly.GetTypes()
        .SelectMany(type => OfType(type).SelectMany(Parts).Select(used => (User: Outermost(type), Used: Outermost(used))))
        .Where(use => use.User != use.Used)
        .Distinct();

    private static IEnumerable<Type> OfType(Type type) =>
    [
        .. OfAttributes(type.CustomAttributes), .. OfConstraints(type.GetGenericArguments()),
        .. type.BaseType is { } parent ? [parent] : Type.EmptyTypes, .. type.GetInterfaces(),
        .. type.GetMembers(Declared).SelectMany(member => OfMember(member)),
    ];

    private static IEnumerable<Type> OfMember(MemberInfo member) =>
    [
        .. OfAttributes(member.CustomAttributes),
        .. member switch
        {
            FieldInfo field => [field.FieldType],
            MethodBase method => OfMethod(method),
            _ => Type.EmptyTypes, // a nested type comes by itself, and so do the accessors of a property or an event
        },
    ];

    private static IEnumerable<Type> OfMethod(MethodBase method) =>
    [
        .. method.GetParameters().SelectMany(OfParameter),
        .. method is MethodInfo { ReturnParameter: var result } ? OfParameter(result) : [],
        .. method.IsGenericMethod ? OfConstraints(method.GetGenericArguments()) : [],
        .. method.GetMethodBody() is { } body ? OfBody(method, body) : [],
    ];

    private static IEnumerable<Type> OfParameter(ParameterInfo parameter) =>
        OfAttributes(parameter.CustomAttributes).Append(parameter.ParameterType);

    private static IEnumerable<Type> OfBody(MethodBase method, MethodBody body) =>
    [
        .. body.LocalVariables.Select(local => local.LocalType),
        .. body.ExceptionHandlingClauses
            .Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause)
            .Select(clause => clause.CatchType!),
        .. OfCode(method, body.GetILAsByteArray()!),
    ];

    /// <summary>The types that instructions name, and those whose members they name.</summary>
    private static IEnumerable<Type> OfCode(MethodBase method, byte[] code)
    {
        Type[] typeArguments = method.DeclaringType?.GetGenericArguments() ?? [];
        Type[] methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        for (int at = 0; at < code.Length;)
        {
            ushort value = code[at++];
            if (value == OpCodes.Prefix1.Value)
                value = (ushort)((value << 8) | code[at++]);
            OpCode instruction = s_opCodes[value];
            switch (instruction.OperandType)
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                    MemberInfo member = method.Module.ResolveMember(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!;
                    if ((member as Type ?? member.DeclaringType) is { } named)
                        yield return named;
                    if (member is MethodInfo { IsGenericMethod: true } generic)
                        foreach (Type argument in generic.GetGenericArguments())
                            yield return argument;
                    break;
                case OperandType.InlineSig:
                    throw new NotSupportedException(
                        $"{method.DeclaringType}.{method} calls by a signature, whose types are not read here.");
            }

            at += instruction.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    private static IEnumerable<Type> OfConstraints(IEnumerable<Type> parameters) => parameters
        .Where(parameter => parameter.IsGenericParameter)
        .SelectMany(parameter => parameter.GetGenericParameterConstraints().Concat(OfAttributes(parameter.CustomAttributes)));

    private static IEnumerable<Type> OfAttributes(IEnumerable<CustomAttributeData> attributes) => attributes
        .SelectMany(attribute => attribute.ConstructorArguments
            .Concat(attribute.NamedArguments.Select(argument => argument.TypedValue))
            .SelectMany(OfArgument)
            .Append(attribute.AttributeType));

    private static IEnumerable<Type> OfArgument(CustomAttributeTypedArgument argument) => argument.Value switch
    {
        Type type => [type],
        IEnumerable<CustomAttributeTypedArgument> list => list.SelectMany(OfArgument).Append(argument.ArgumentType),
        _ => [argument.ArgumentType],
    };

    /// <summary>
    /// What a type is made of: an array of its elements' type, a constructed one of its definition and arguments. A generic parameter is
    /// no type of its own.
    /// </summary>
    private static IEnumerable<Type> Parts(Type type) => type switch
    {
        { IsGenericParameter: true } => [],
        { HasElementType: true } => Parts(type.GetElementType()!),
        { IsFunctionPointer: true } =>
            type.GetFunctionPointerParameterTypes().Append(type.GetFunctionPointerReturnType()).SelectMany(Parts),
        { IsConstructedGenericType: true } => type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition()),
        _ => [type],
    };

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
}
